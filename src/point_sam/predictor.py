"""`PointSAM`: encode a cloud once, prompt it many times (after segment-anything's SamPredictor)."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor

from point_sam import inputs
from point_sam.checkpoints import load_model, locate, save_model, use_fused_layernorm
from point_sam.checkpoints.sources import locate_local
from point_sam.encoded import EncodedCloud, fingerprint_cloud
from point_sam.hardware import choose_device, choose_precision, keep_freed_memory
from point_sam.model import PRESETS, Geometry, Grouping, ModelConfig, PointSAMModel, build_geometry
from point_sam.model.grouping import check_count
from point_sam.ops import voxel_cells

# Memory for the prompts that are decoded at once, in bytes.
_BUDGET = 256 << 20
# Tensors of the size of the cloud's tokens that the decoder holds per prompt: keys, their positions, q, k, v, scores.
_TOKENS_LIVE = 12
# Numbers per tensor that enter the fingerprint of the weights.
_SAMPLES = 1024


class _Voxels(NamedTuple):
    """One point of each cell of a grid, and the cell of each point."""

    max_decoder_points: int
    point: Int[Tensor, " M"]
    cell: Int[Tensor, " N"]


class PointSAM:
    """Promptable segmentation of point clouds.

    Threads may share one: only `set_pointcloud`, `set_encoded` and `predict` with coords change it (the current cloud).

    Args:
        model: the network. Its weights must not change while clouds that it encoded are in use.
        device: where to run; None leaves the network where it is.
        precision: "float32", "bfloat16", or "auto": bfloat16 where the hardware multiplies it natively. Distances,
            sampling, interpolation weights and positional encodings are float32 or better in any case.
        compile: let torch.compile translate the transformer's blocks and the decoder's transformer, at the first cloud
            and click, which takes minutes and a C++ compiler on a CPU; docs/performance.md says where it pays.

    Attributes:
        model: the network, in evaluation mode.
        device: where it runs.
        dtype: of its matrix products, float32 or bfloat16.
        grouping: of the next cloud; see `adjust_patch_params`.
        current: the cloud that `predict` and `predict_batch` answer for, or None.

    Raises:
        ValueError: the device or the precision is unknown or not available.
    """

    def __init__(
        self,
        model: PointSAMModel,
        *,
        device: str | torch.device | None = None,
        precision: str = "auto",
        compile: bool = False,
    ) -> None:
        parameter = next(model.parameters())
        self.device = parameter.device if device is None else choose_device(device)
        self.dtype = choose_precision(precision, self.device)
        self.model = model.to(self.device).eval()
        if compile:
            self.model.compile_parts()
        if self.device.type == "cpu":
            keep_freed_memory()
        self.current: EncodedCloud | None = None
        self.grouping: Grouping = model.config.grouping
        self._mask_group_size: int | None = None
        self._max_decoder_points: int | None = None
        self._voxels: WeakKeyDictionary[EncodedCloud, _Voxels] = WeakKeyDictionary()
        self._fingerprint: str | None = None

    @staticmethod
    def from_pretrained(
        name_or_path: str | Path = "tiny",
        *,
        checkpoint_path: str | Path | None = None,
        variant: str | None = None,
        config: ModelConfig | None = None,
        device: str | torch.device | None = None,
        precision: str = "auto",
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        fused_layernorm: bool = False,
        compile: bool = False,
    ) -> "PointSAM":
        """A model with trained weights. The architecture is read off the weights.

        Args:
            name_or_path: "tiny" (in the package), "large" (hub, 1.2 GB once), a local file (.safetensors, .pt, .pth,
                .bin) or folder (model.safetensors, config.json), or a hub repository "user/repo".
            checkpoint_path: a local file or folder instead; a variant's name as `name_or_path` then acts as `variant`.
            variant: name of a preset that overrides the architecture read off the weights.
            config: an architecture that no preset names, overriding likewise.
            device: None takes CUDA where there is a GPU, else the CPU.
            precision, compile: see the class.
            revision, cache_dir, local_files_only: as huggingface_hub has them.
            fused_layernorm: use NVIDIA apex's LayerNorm.

        Raises:
            FileNotFoundError: a local path does not exist.
            CheckpointError: the weights cannot be found, downloaded, read, or do not fit the architecture.
            ValueError: an option is unknown or contradicts another.
            ImportError: fused_layernorm without apex.
        """
        chosen = choose_device(device)
        choose_precision(precision, chosen)  # refused here rather than after a download
        if checkpoint_path is not None:
            variant = _variant_of_name(name_or_path, variant)
        if variant is not None and config is not None:
            raise ValueError(f"variant {variant!r} and config both name an architecture; give one")
        config = ModelConfig.preset(variant) if variant is not None else config
        if checkpoint_path is not None:
            if revision is not None:
                raise ValueError(f"checkpoint_path is local; revision {revision!r} only applies to the hub")
            files = locate_local(checkpoint_path)
        else:
            files = locate(name_or_path, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only)
        model = load_model(files, config)
        if fused_layernorm:
            use_fused_layernorm(model)
        return PointSAM(model, device=chosen, precision=precision, compile=compile)

    def save_pretrained(self, folder: str | Path, *, dtype: Literal["float32", "float16"] = "float32") -> None:
        """Write model.safetensors and config.json into a folder that `from_pretrained` reads.

        Raises:
            ValueError: dtype is unknown, or a weight is too large for float16.
        """
        save_model(self.model, folder, dtype=dtype)

    @property
    def precision(self) -> str:
        """Of matrix products, "float32" or "bfloat16"."""
        return str(self.dtype).removeprefix("torch.")

    @property
    def num_groups(self) -> int:
        """Centres of the next cloud (fewer where it has fewer points)."""
        return self.grouping.num_groups

    @property
    def group_size(self) -> int | None:
        """Points per centre of the next cloud; None for Voronoi models."""
        return self.grouping.group_size

    @property
    def max_encoder_points(self) -> int | None:
        """Points of which the next cloud's groups are made at most; None: of all."""
        return self.grouping.max_encoder_points

    @cached_property
    def num_parameters(self) -> int:
        """Of the network."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def fingerprint(self) -> str:
        """Of the weights, the same on every device. It reads at most some 2,000 numbers of each tensor, once."""
        if self._fingerprint is None:
            self._fingerprint = _fingerprint_weights(self.model)
        return self._fingerprint

    def adjust_patch_params(
        self, num_groups: int | None = None, group_size: int | None = None, max_encoder_points: int | None = None
    ) -> None:
        """Set how finely the next clouds are grouped. More groups see smaller parts, and cost time.

        Args:
            num_groups: centres; None leaves it. Upstream advises 2048 above 30,000 points.
            group_size: points per centre; None leaves it. Upstream advises 256 above 30,000 points.
            max_encoder_points: larger clouds are grouped on a random choice of so many points, always the same one;
                masks still say something about every point. It keeps the density that a model was trained with, and
                encoding cheap. None leaves it, 0 groups all points.

        Raises:
            ValueError: not a positive whole number, or group_size or max_encoder_points for a Voronoi model.
        """
        self.grouping = self.grouping.adjusted(num_groups, group_size, max_encoder_points)

    @property
    def mask_group_size(self) -> int | None:
        """Points per group at which later clicks read the mask before; None: all."""
        return self._mask_group_size

    @property
    def max_decoder_points(self) -> int | None:
        """Points that a click is answered for one by one at most; None: all."""
        return self._max_decoder_points

    def adjust_click_params(self, mask_group_size: int | None = None, max_decoder_points: int | None = None) -> None:
        """Trade exactness for speed in clicks. Encoded clouds stay as they are.

        Both are approximations; docs/performance.md has their agreement with the full answer.

        Args:
            mask_group_size: a mask prompt is read at so many points of each group, spread evenly from its centre
                outwards, instead of at all. It pays in later clicks, where groups are large (256 points in `large`).
                None leaves it, 0 reads all.
            max_decoder_points: clicks on a larger cloud are answered at one point in each cell of the finest grid with
                at most so many occupied cells (`ops.voxel_cells`), and the other points of a cell take that answer.
                It pays from some 500,000 points on. None leaves it, 0 answers for each point.

        Raises:
            ValueError: not a whole number from 0 on, or mask_group_size for a Voronoi model.
        """
        given = {"mask_group_size": mask_group_size, "max_decoder_points": max_decoder_points}
        for name, value in given.items():
            if value is not None:
                check_count(name, value, least=0)
        if mask_group_size and self.group_size is None:
            raise ValueError(f"mask_group_size {mask_group_size} does not apply: a Voronoi model has no groups")
        if mask_group_size is not None:
            self._mask_group_size = int(mask_group_size) or None
        if max_decoder_points is not None:
            self._max_decoder_points = int(max_decoder_points) or None

    def encode(self, coords: Any, rgb: Any = None, *, normalize: bool = False) -> EncodedCloud:
        """Encode a cloud without making it the current one.

        Args:
            coords: [N, 3] array, tensor or list; in [-1, 1] (the unit ball, as `load_pointcloud` gives them) unless
                normalize is set.
            rgb: [N, 3] colours in 0..255, uint8 or float; None is neutral grey.
            normalize: take any units, UTM-sized ones included; prompts are then given in those units.

        Raises:
            ValueError: coords or rgb are empty, misshaped, not finite or out of range.
        """
        return self.encode_all([(coords, rgb)], normalize=normalize)[0]

    @torch.no_grad()
    def encode_all(self, clouds: Sequence[tuple[Any, Any]], *, normalize: bool = False) -> list[EncodedCloud]:
        """Encode several clouds, those of as many points together as one batch.

        Args:
            clouds: coords and rgb of each, as `encode` takes them.
            normalize: see `encode`.

        Raises:
            ValueError: as `encode`.
        """
        units = [inputs.unit_coords(coords, normalize=normalize) for coords, _ in clouds]
        colors = [inputs.colors(rgb, len(unit)) for (_, rgb), (unit, _, _) in zip(clouds, units, strict=True)]
        by_size: dict[int, list[int]] = {}
        for number, (unit, _, _) in enumerate(units):
            by_size.setdefault(len(unit), []).append(number)
        done: dict[int, EncodedCloud] = {}
        for numbers in by_size.values():
            geometry = self._geometry([units[number][0] for number in numbers])
            batch = torch.from_numpy(np.stack([colors[number] for number in numbers])).to(self.device)
            with self._autocast():
                embeddings = self.model.encode(geometry, batch).float()
            for row, number in enumerate(numbers):
                coords, rgb = clouds[number]
                done[number] = EncodedCloud(
                    geometry=geometry.row(row),
                    embeddings=embeddings[row : row + 1],
                    center=units[number][1],
                    scale=units[number][2],
                    normalized=normalize,
                    grouping=self.grouping,
                    model_fingerprint=self.fingerprint,
                    cloud_fingerprint=fingerprint_cloud(coords, rgb),
                    rgb=None if rgb is None else batch[row].round().byte().cpu().numpy(),
                    precision=self.precision,
                )
        return [done[number] for number in range(len(clouds))]

    def encode_if_new(self, coords: Any, rgb: Any = None, *, normalize: bool = False) -> EncodedCloud:
        """The current cloud where it is this one, in these units and at the present grouping; else as `encode`."""
        known = self.current
        if (
            known is not None
            and (known.normalized, known.grouping) == (normalize, self.grouping)
            and known.is_of(coords, rgb)
        ):
            return known
        return self.encode(coords, rgb, normalize=normalize)

    def set_pointcloud(self, coords: Any, rgb: Any = None, *, normalize: bool = False) -> None:
        """Encode a cloud and make it the current one; see `encode`."""
        self.current = self.encode(coords, rgb, normalize=normalize)

    def set_encoded(self, encoded: EncodedCloud) -> None:
        """Make an encoded cloud the current one, e.g. one that was loaded from a file.

        Raises:
            ValueError: other weights encoded it.
        """
        self.check_weights(encoded)
        self.current = encoded.to(self.device)

    def predict(
        self,
        coords: Any = None,
        rgb: Any = None,
        prompt_point: Any = None,
        prompt_label: Any = 1,
        *,
        mask_input: Any = None,
        multimask_output: bool = True,
        return_logits: bool = False,
    ) -> tuple[Bool[np.ndarray, "C N"] | Float32[np.ndarray, "C N"], Float32[np.ndarray, " C"]]:
        """The object or part under the clicks.

        Args:
            coords, rgb: a cloud to set first, as `set_pointcloud` would; encoded again only if it is another one than
                the current, in other units, or to be grouped otherwise. None asks about the current cloud.
            prompt_point: [3], or [K, 3] for several clicks on one object; in the cloud's units.
            prompt_label: 1 (on the object) or 0 (off it), for all points or [K].
            mask_input: [N] logits of an earlier answer, to be refined.
            multimask_output: three candidates (best for one ambiguous click) instead of one mask.
            return_logits: float32 logits instead of booleans; the mask is where they are positive.

        Returns:
            Masks [C, N] in the order of the cloud's points, and the predicted IoU of each; C is 3 or 1.

        Raises:
            ValueError: there is no cloud, or an input is misshaped, not finite or out of range.
        """
        points, labels = inputs.click_list(prompt_point, prompt_label)
        if coords is not None:
            self.current = self.encode_if_new(coords, rgb)
        elif rgb is not None:
            raise ValueError("rgb came without coords; pass both, or neither for the current cloud")
        if mask_input is not None:
            mask_input = mask_input if isinstance(mask_input, Tensor) else np.asarray(mask_input)
            mask_input = mask_input[None] if mask_input.ndim == 1 else mask_input
        logits, scores = self.predict_encoded(
            self._current(), points, labels, mask_inputs=mask_input, multimask_output=multimask_output
        )
        masks = logits[0] if return_logits else logits[0] > 0
        return masks.cpu().numpy(), scores[0].cpu().numpy()

    def predict_batch(
        self, prompt_points: Any, prompt_labels: Any, *, mask_inputs: Any = None, multimask_output: bool = True
    ) -> tuple[Float[Tensor, "M C N"], Float[Tensor, "M C"]]:
        """Answers to M prompts about the current cloud; see `predict_encoded`."""
        return self.predict_encoded(
            self._current(), prompt_points, prompt_labels, mask_inputs=mask_inputs, multimask_output=multimask_output
        )

    @torch.no_grad()
    def predict_encoded(
        self,
        encoded: EncodedCloud,
        prompt_points: Any,
        prompt_labels: Any,
        *,
        mask_inputs: Any = None,
        multimask_output: bool = True,
    ) -> tuple[Float[Tensor, "M C N"], Float[Tensor, "M C"]]:
        """Answers to M prompts about an encoded cloud. Changes nothing, so that threads may call it at once.

        Prompts are decoded in chunks: beside the answer, memory does not grow with M.

        Args:
            encoded: the cloud.
            prompt_points: [M, K, 3], K clicks for each of M objects, in the cloud's units.
            prompt_labels: [M, K], 1 on the object, 0 off it.
            mask_inputs: [M, N] logits of earlier answers, or None.
            multimask_output: three candidates each instead of one mask.

        Returns:
            float32 logits and predicted IoUs, on the model's device; C is 3 or 1.

        Raises:
            ValueError: an input is misshaped, not finite or out of range, or other weights encoded the cloud.
        """
        self.check_weights(encoded)
        encoded = encoded.to(self.device)
        points, labels = inputs.unit_prompts(encoded, prompt_points, prompt_labels)
        masks = inputs.mask_logits(encoded, mask_inputs, len(points))
        num_masks = 3 if multimask_output else 1
        logits = torch.empty(len(points), num_masks, encoded.num_points, device=self.device)
        scores = torch.empty(len(points), num_masks, device=self.device)
        voxels = self._voxels_of(encoded)
        geometry = encoded.geometry if voxels is None else encoded.geometry.interpolating(voxels.point)
        step = _rows_at_once(encoded, num_masks)
        for start in range(0, len(points), step):
            rows = slice(start, min(start + step, len(points)))
            count = rows.stop - rows.start
            with self._autocast():
                answer, scores[rows] = self.model.decode(
                    geometry.expand(count),
                    encoded.embeddings.expand(count, -1, -1),
                    points[rows],
                    labels[rows],
                    None if masks is None else masks[rows],
                    multimask_output=multimask_output,
                    mask_group_size=self._mask_group_size,
                )
            logits[rows] = answer if voxels is None else answer[..., voxels.cell]
        return logits, scores

    def check_weights(self, encoded: EncodedCloud) -> None:
        """Refuse a cloud that other weights encoded.

        Raises:
            ValueError: it was.
        """
        if encoded.model_fingerprint != self.fingerprint:
            raise ValueError(
                f"the encoded cloud was made by other weights ({encoded.model_fingerprint[:8]}, not "
                f"{self.fingerprint[:8]}); encode it again with this model"
            )

    def _geometry(self, units: list[Float32[np.ndarray, "N 3"]]) -> Geometry:
        """Of clouds of one size, on the device; on a CPU each in a thread of its own."""
        if self.device.type == "cuda":  # only CUDA has a path of its own for this
            return build_geometry(torch.from_numpy(np.stack(units)).to(self.device), self.grouping)
        with ThreadPoolExecutor(max(1, min(len(units), torch.get_num_threads()))) as threads:
            single = threads.map(lambda unit: build_geometry(torch.from_numpy(unit)[None], self.grouping), units)
            return Geometry.stack(list(single)).to(self.device)

    def _autocast(self) -> torch.autocast:
        # Without autocast's cache, which would hold a second copy of all weights until the end of the call.
        return torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16, cache_enabled=False
        )

    def _voxels_of(self, encoded: EncodedCloud) -> _Voxels | None:
        """Which points clicks are answered at, where that is not all; worked out at the first click on a cloud."""
        most = self._max_decoder_points
        if most is None or encoded.num_points <= most:
            return None
        known = self._voxels.get(encoded)
        if known is None or known.max_decoder_points != most:
            point, cell = voxel_cells(encoded.geometry.coords[0].cpu().numpy(), most)
            known = _Voxels(most, *(torch.from_numpy(index).to(encoded.device) for index in (point, cell)))
            self._voxels[encoded] = known
        return known

    def _current(self) -> EncodedCloud:
        if self.current is None:
            raise ValueError("there is no point cloud yet; call set_pointcloud(coords, rgb), or pass coords to predict")
        return self.current


def _variant_of_name(name_or_path: str | Path, variant: str | None) -> str | None:
    """The architecture that a name beside checkpoint_path asks for; the default name asks for none."""
    name = str(name_or_path)
    if name == "tiny":
        return variant
    if name not in PRESETS:
        raise ValueError(f"name_or_path {name!r} and checkpoint_path both name weights; give one")
    if variant not in (None, name):
        raise ValueError(f"name_or_path {name!r} and variant {variant!r} contradict each other; give one")
    return name


def _rows_at_once(encoded: EncodedCloud, num_masks: int) -> int:
    tokens = encoded.embeddings[0].numel() * 4 * _TOKENS_LIVE
    # The answer exists twice for a moment, in pieces and whole.
    answer = 2 * num_masks * encoded.num_points * 4
    return max(1, _BUDGET // (tokens + answer))


def _fingerprint_weights(model: PointSAMModel) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, value in sorted(model.state_dict().items()):
        flat = value.detach().reshape(-1)
        sample = flat[:: max(1, flat.numel() // _SAMPLES)].float().cpu().numpy()
        digest.update(f"{name} {tuple(value.shape)}".encode())
        digest.update(sample.tobytes())
    return digest.hexdigest()
