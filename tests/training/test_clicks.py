import numpy as np
import torch

from point_sam.ops.clicks import next_click
from point_sam.training.clicks import ClickSimulator


def scene(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Fewer points than the simulator samples, so that it must agree with the exact rule."""
    rng = np.random.default_rng(seed)
    coords = torch.from_numpy(rng.uniform(-1, 1, (2, 500, 3)).astype(np.float32))
    targets = torch.stack([coords[..., 0] > 0.2, coords[..., 1] < -0.3], dim=1)
    return coords, targets


def test_small_clouds_get_the_exact_clicks() -> None:
    for seed in range(5):
        coords, targets = scene(seed)
        predicted = torch.stack([coords[..., 0] > -0.1, coords[..., 2] > 0.5], dim=1)
        for answer in (None, predicted):
            points, labels = ClickSimulator(coords, targets).next(answer)
            for b in range(2):
                for m in range(2):
                    guess = None if answer is None else answer[b, m].numpy()
                    index, positive = next_click(coords[b].numpy(), targets[b, m].numpy(), guess)
                    torch.testing.assert_close(points[b, m], coords[b, index])
                    assert bool(labels[b, m]) == positive


def test_perfect_answer_gets_the_first_click_again() -> None:
    coords, targets = scene(9)
    simulator = ClickSimulator(coords, targets)
    first, _ = simulator.next(None)
    again, labels = simulator.next(targets)
    torch.testing.assert_close(first, again)
    assert labels.all()


def test_error_outside_the_sample_still_gets_a_click_on_it() -> None:
    coords = torch.rand(1, 2000, 3)
    target = torch.zeros(1, 1, 2000, dtype=torch.bool)
    target[..., 1990:] = True
    point, label = ClickSimulator(coords, target).next(None)
    torch.testing.assert_close(point[0, 0], coords[0, 1990])
    assert label.item() == 1
