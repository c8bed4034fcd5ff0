"""Naive model and package behind one interface, so that the same lines measure both.

`encode` makes a cloud in the unit ball the current one. `click` gives logits [C, N] and predicted IoUs [C] for clicks
[K, 3], labels [K] and the logits [N] of an earlier mask. `answer` gives logits [M, 3, N] for M positive clicks [M, 3],
each on an object of its own, in one batch.
"""

import numpy as np
import torch

from benchmarks import naive
from benchmarks.clouds import Cloud
from benchmarks.settings import SETTINGS, apply
from point_sam import ModelConfig, PointSAM
from point_sam.checkpoints import load_model, locate
from point_sam.model import PointSAMModel

NAIVE = "naive"


def build(who: str, model: str, num_groups: int, group_size: int, device: str) -> "Contender":
    """The contender of that name, a setting's or the naive model's, with the weights of that model."""
    network = load_network(model)
    if who == NAIVE:
        plain = naive.load_weights(network.config, network.state_dict()).to(device)
        return Naive(plain, num_groups, group_size, device)
    setting = SETTINGS[who]
    package = PointSAM(network, device=device, precision=setting.precision, compile=setting.compile)
    package.adjust_patch_params(num_groups, group_size)
    return Package(apply(setting, package))


def load_network(model: str) -> PointSAMModel:
    """Trained weights for "tiny", else random ones by a fixed seed."""
    if model == "tiny":
        return load_model(locate("tiny"))  # without PointSAM, which tunes the process it is in
    torch.manual_seed(0)
    return PointSAMModel(ModelConfig.preset(model))


class Package:
    """point_sam, as its users call it."""

    def __init__(self, model: PointSAM) -> None:
        self.model = model

    def encode(self, cloud: Cloud) -> None:
        self.model.set_pointcloud(cloud.coords, cloud.rgb)

    def click(
        self, points: np.ndarray, labels: np.ndarray, mask_logits: np.ndarray | None, *, multimask: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        return self.model.predict(
            prompt_point=points,
            prompt_label=labels,
            mask_input=mask_logits,
            multimask_output=multimask,
            return_logits=True,
        )

    def answer(self, points: np.ndarray) -> torch.Tensor:
        labels = np.ones((len(points), 1), np.int64)
        return self.model.predict_batch(points[:, None], labels)[0]


class Naive:
    """The baseline; with `bfloat16` under torch's autocast."""

    def __init__(
        self, model: naive.NaivePointSAM, num_groups: int, group_size: int, device: str, *, bfloat16: bool = False
    ) -> None:
        self.model, self.num_groups, self.group_size, self.device = model, num_groups, group_size, device
        self.bfloat16 = bfloat16
        self.cloud: naive.NaiveCloud | None = None

    def encode(self, cloud: Cloud) -> None:
        self.cloud = None
        coords, rgb = (torch.from_numpy(values).to(self.device).float()[None] for values in cloud)
        with self._autocast():
            self.cloud = self.model.encode(coords, rgb, self.num_groups, self.group_size)

    def click(
        self, points: np.ndarray, labels: np.ndarray, mask_logits: np.ndarray | None, *, multimask: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        mask = None if mask_logits is None else torch.from_numpy(mask_logits).to(self.device)[None]
        logits, scores = self._predict(points[None], labels[None], mask, multimask=multimask)
        return logits[0].float().cpu().numpy(), scores[0].float().cpu().numpy()

    def answer(self, points: np.ndarray) -> torch.Tensor:
        return self._predict(points[:, None], np.ones((len(points), 1), np.int64), None, multimask=True)[0]

    def _predict(
        self, points: np.ndarray, labels: np.ndarray, mask: torch.Tensor | None, *, multimask: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self.cloud is None:
            raise ValueError("no cloud is encoded yet; call encode first")
        given_points, given_labels = (torch.from_numpy(values).to(self.device) for values in (points, labels))
        with self._autocast():
            return self.model.predict(self.cloud, given_points, given_labels, mask, multimask=multimask)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.bfloat16)


Contender = Naive | Package
