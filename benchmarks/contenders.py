"""Naive model and package behind one interface, so that the same lines measure both."""

from typing import Protocol

import numpy as np
import torch

from benchmarks import naive
from benchmarks.clouds import Cloud
from benchmarks.settings import SETTINGS, apply
from point_sam import ModelConfig, PointSAM
from point_sam.checkpoints import load_model, locate
from point_sam.model import PointSAMModel

NAIVE = "naive"


class Contender(Protocol):
    """A model that encodes one cloud and answers clicks about it; coordinates in the unit ball."""

    def encode(self, cloud: Cloud) -> None:
        """Make the cloud the current one."""

    def click(
        self, points: np.ndarray, labels: np.ndarray, mask_logits: np.ndarray | None, *, multimask: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Logits [C, N] and predicted IoUs [C] for clicks [K, 3], labels [K] and the logits [N] of an earlier mask."""

    def answer(self, points: np.ndarray) -> torch.Tensor:
        """Logits [M, 3, N] for M positive clicks [M, 3], each on an object of its own, in one batch."""


def build(who: str, model: str, num_groups: int, group_size: int, device: str) -> Contender:
    """The contender of that name with the weights of that model: trained for "tiny", else random by a fixed seed."""
    if model == "tiny":
        network = load_model(locate("tiny"))  # without PointSAM, which tunes the process it is in
    else:
        torch.manual_seed(0)
        network = PointSAMModel(ModelConfig.preset(model))
    if who == NAIVE:
        plain = naive.load_weights(network.config, network.state_dict()).to(device)
        return Naive(plain, num_groups, group_size, device)
    setting = SETTINGS[who]
    package = PointSAM(network, device=device, precision=setting.precision, compile=setting.compile)
    package.adjust_patch_params(num_groups, group_size)
    return Package(who, apply(setting, package))


class Package:
    """point_sam, as its users call it."""

    def __init__(self, setting: str, model: PointSAM) -> None:
        self.model = model
        self.arguments = dict(SETTINGS[setting].predict)

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
            **self.arguments,
        )

    def answer(self, points: np.ndarray) -> torch.Tensor:
        labels = np.ones((len(points), 1), np.int64)
        return self.model.predict_batch(points[:, None], labels, **self.arguments)[0]


class Naive:
    """The baseline."""

    def __init__(self, model: naive.NaivePointSAM, num_groups: int, group_size: int, device: str) -> None:
        self.model, self.num_groups, self.group_size, self.device = model, num_groups, group_size, device
        self.cloud: naive.NaiveCloud | None = None

    def encode(self, cloud: Cloud) -> None:
        self.cloud = None
        coords, rgb = (torch.from_numpy(values).to(self.device).float()[None] for values in cloud)
        self.cloud = self.model.encode(coords, rgb, self.num_groups, self.group_size)

    def click(
        self, points: np.ndarray, labels: np.ndarray, mask_logits: np.ndarray | None, *, multimask: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        mask = None if mask_logits is None else torch.from_numpy(mask_logits).to(self.device)[None]
        logits, scores = self._predict(points[None], labels[None], mask, multimask=multimask)
        return logits[0].cpu().numpy(), scores[0].cpu().numpy()

    def answer(self, points: np.ndarray) -> torch.Tensor:
        return self._predict(points[:, None], np.ones((len(points), 1), np.int64), None, multimask=True)[0]

    def _predict(
        self, points: np.ndarray, labels: np.ndarray, mask: torch.Tensor | None, *, multimask: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self.cloud is None:
            raise ValueError("no cloud is encoded yet; call encode first")
        given_points, given_labels = (torch.from_numpy(values).to(self.device) for values in (points, labels))
        return self.model.predict(self.cloud, given_points, given_labels, mask, multimask=multimask)
