"""A saved model, and what loading must do with it."""

from collections.abc import Callable

import pytest
import torch

from point_sam import CheckpointError, PointSAM


@pytest.fixture
def folder(model, tmp_path):
    """A saved model."""
    model.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.fixture
def weights(model):
    return {name: value.detach().clone() for name, value in model.model.state_dict().items()}


@pytest.fixture
def same_weights() -> Callable[[PointSAM, PointSAM], bool]:
    """Whether two models hold the same tensors."""

    def compare(a: PointSAM, b: PointSAM) -> bool:
        first, second = a.model.state_dict(), b.model.state_dict()
        return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)

    return compare


@pytest.fixture
def refused():
    """Loads a file that must be refused, in one line with that text."""

    def load(path, match, **options):
        with pytest.raises(CheckpointError, match=match) as caught:
            PointSAM.from_pretrained(checkpoint_path=path, **options)
        assert "\n" not in str(caught.value)

    return load
