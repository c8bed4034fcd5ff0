"""The original implementation's own outputs (tests/data/reference) against the package's on any device."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.machine import ROOT
from point_sam.model import ModelConfig, PointSAMModel, build_geometry

REFERENCE = ROOT / "tests" / "data" / "reference"
VARIANTS = ("knn_small", "voronoi_small", "base", "large")


@torch.no_grad()
def compare(variant: str, device: str, folder: Path = REFERENCE) -> dict[str, Any]:
    """Whether the centres are the same, and the relative L2 error of everything else, in float32.

    Raises:
        FileNotFoundError: the reference files are not in `folder`.
    """
    with np.load(folder / f"{variant}.npz") as file:
        wanted = dict(file)
    with np.load(folder / "cloud.npz") as file:
        coords, rgb = (torch.from_numpy(file[name]).to(device).float()[None] for name in ("coords", "rgb"))
    config = ModelConfig.preset(variant)
    model = named_model(config).to(device)
    geometry = build_geometry(coords, config.grouping)
    embeddings = model.encode(geometry, rgb)
    clicks, one = coords[:, wanted["prompt_index"]], torch.ones(1, 1, dtype=torch.long, device=device)
    first = model.decode(geometry, embeddings, clicks[:, :1], one, None, multimask_output=True)
    mask = first[0][:, int(wanted["refined_from"])]
    refined = model.decode(
        geometry, embeddings, clicks, torch.tensor([[1, 0]], device=device), mask, multimask_output=False
    )
    every = coords.shape[1] // wanted["first_logits"].shape[1]
    batch = model.decode(
        geometry.expand(2),
        embeddings.expand(2, -1, -1),
        clicks[0, :, None],
        one.expand(2, 1),
        None,
        multimask_output=True,
    )
    found = {
        "embeddings": embeddings[0, :, ::16],
        "first_logits": first[0][0, :, ::every],
        "first_iou": first[1][0],
        "refined_logits": refined[0][0, :, ::every],
        "refined_iou": refined[1][0],
        "batch_logits": batch[0][:, :, :: 4 * every],
        "batch_iou": batch[1],
    }
    errors = {name: relative_error(value.cpu().numpy(), wanted[name]) for name, value in found.items()}
    same = np.array_equal(geometry.center_index[0].cpu().numpy(), wanted["fps_idx"])
    return {"same_centers": same, "worst": max(errors.values()), **errors}


def named_model(config: ModelConfig) -> PointSAMModel:
    """The network whose weights are made from their names, as the reference outputs were."""
    with torch.device("meta"):
        model = PointSAMModel(config)
    weights = {name: weight_by_name(name, tuple(value.shape)) for name, value in model.state_dict().items()}
    model.load_state_dict(weights, assign=True)
    return model.eval()


def weight_by_name(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """See tests/data/reference/README.md."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    x = np.random.Generator(np.random.PCG64(seed)).standard_normal(shape, dtype=np.float32)
    learned = ("point_embeddings", "no_mask_embed", "iou_token", "mask_tokens", "gaussian")
    if name.endswith("bias"):
        x = 0.05 * x
    elif len(shape) <= 1:
        x = 1 + 0.1 * x
    elif not any(part in name for part in learned):
        x = x / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(x, np.float32))


def relative_error(found: np.ndarray, wanted: np.ndarray) -> float:
    """|found - wanted| / |wanted|, in float64."""
    return float(np.linalg.norm(found.astype(np.float64) - wanted) / np.linalg.norm(wanted.astype(np.float64)))
