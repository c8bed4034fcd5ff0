"""One check of everything on an NVIDIA card, in minutes and without a network.

    bash benchmarks/on_gpu.sh                                        # gpu.json, or $OUT/gpu.json where OUT is set
    python -m benchmarks.on_gpu --device cpu --quick -o gpu.json     # in small, to see that it works

Parts: the original's outputs against ours in float32 without TF32; steps of training `tiny` in both precisions; encode,
first and later click of `tiny` and of `large` with random weights beside benchmarks/naive.py, with the memory that they
take on the card. The file is written after every part. A part that fails is there with its error, one that no longer
fits into the time (it is taken to need as long as the longest of its kind before it) with the reason.
"""

import argparse
import gc
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks import machine

Found = dict[str, Any]
# Seconds that the first part of a kind is taken to need.
EXPECTED = {"parity": 5.0, "train": 15.0, "speed": 5.0}
SIZES = (10_000, 100_000, 1_000_000)
CONTENDERS = tuple((who, precision) for who in ("naive", "point_sam") for precision in ("float32", "bfloat16"))
BUDGET = 1.0  # seconds after which a measure is not repeated
QUICK_GROUPS = (64, 8)


@dataclass(frozen=True)
class Part:
    """One line of the file; `work` puts what it finds into a dictionary as soon as it is known."""

    kind: str
    name: str
    work: Callable[[Found], None]


def main() -> None:
    options = _options()
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    check = Check(options.out, options.seconds, options.device)
    with tempfile.TemporaryDirectory() as folder:
        for part in _parts(options.device, Path(folder), quick=options.quick):
            check.do(part)
    print(f"{check.out}: {check.failures} of {len(check.records)} parts failed", file=sys.stderr)
    sys.exit(1 if check.failures else 0)


class Check:
    """Does parts one after the other and keeps the file up to date.

    Args:
        out: the file.
        seconds: that all parts together may take.
        device: "cpu" or "cuda".

    Attributes:
        records: one per part, as in the file.
        failures: how many parts failed.
    """

    def __init__(self, out: Path, seconds: float, device: str) -> None:
        self.out, self.seconds, self.device = out, seconds, device
        self.records: list[Found] = []
        self.failures = 0
        self._revision = machine.revision()
        self._start = time.perf_counter()
        self._longest = dict(EXPECTED)

    def do(self, part: Part) -> None:
        """One part, unless too little time is left for it."""
        record: Found = {"part": f"{part.kind} {part.name}"}
        self.records.append(record)
        left = max(0.0, self.seconds - (time.perf_counter() - self._start))
        expected = self._longest[part.kind]
        if expected > left:
            record["skipped"] = f"{expected:.0f} s expected, {left:.0f} s left"
        else:
            self._try(part, record)
        print(json.dumps(record), file=sys.stderr, flush=True)
        self._write()

    def _try(self, part: Part, record: Found) -> None:
        found: Found = {}
        start = time.perf_counter()
        try:
            part.work(found)
        except Exception as err:  # whatever it is, the other parts go on
            frame = traceback.extract_tb(err.__traceback__)[-1]
            record["failed"] = traceback.format_exception_only(err)[-1].strip()
            record["at"] = f"{frame.filename}:{frame.lineno}"
            self.failures += 1
        record.update(found=found, seconds=time.perf_counter() - start)
        self._longest[part.kind] = max(self._longest[part.kind], record["seconds"])
        gc.collect()
        torch.cuda.empty_cache()

    def _write(self) -> None:
        content = {
            "device": torch.cuda.get_device_name() if self.device == "cuda" else self.device,
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "revision": self._revision,
            "seconds": time.perf_counter() - self._start,
            "parts": self.records,
        }
        part = self.out.with_name(f"{self.out.name}.part")
        part.write_text(json.dumps(content, indent=1) + "\n")
        part.replace(self.out)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.on_gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--seconds", type=float, default=240.0, help="that all parts together may take")
    parser.add_argument("--quick", action="store_true", help="small models and clouds")
    out = Path(os.environ.get("OUT", ".")) / "gpu.json"
    parser.add_argument("-o", "--out", type=Path, default=out, help=f"the file, {out} without it")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no NVIDIA card; --device cpu --quick tries everything without one")
    return options


def _parts(device: str, folder: Path, *, quick: bool) -> Iterator[Part]:
    # What needs more than torch is imported by the part that needs it, so that the others do without.
    from benchmarks.tasks import groups_of

    for variant in ("knn_small", "voronoi_small") if quick else ("knn_small", "voronoi_small", "base", "large"):
        yield Part("parity", variant, partial(_parity, variant, device))
    for precision in ("no", "bf16"):
        yield Part("train", precision, partial(_train, precision, device, folder, quick))
    for points in (400,) if quick else SIZES:
        for model in ("tiny", "knn_small" if quick else "large"):
            for who, precision in CONTENDERS:
                groups = QUICK_GROUPS if quick else groups_of(model, points)
                work = partial(_speed, who, precision, model, points, groups, device)
                yield Part("speed", f"{model} {points} {who} {precision}", work)


def _parity(variant: str, device: str, found: Found) -> None:
    from benchmarks.parity import compare

    found.update(compare(variant, device))


def _speed(
    who: str, precision: str, model: str, points: int, groups: tuple[int, int], device: str, found: Found
) -> None:
    from benchmarks import naive
    from benchmarks.child import Conditions, Findings, NoRoomError
    from benchmarks.clouds import make_cloud
    from benchmarks.contenders import Contender, Naive, Package
    from benchmarks.machine import Gauge
    from benchmarks.speed import measure_clicks
    from point_sam import PointSAM

    network, cloud = _network(model), make_cloud(points)
    contender: Contender
    if who == "naive":
        plain = naive.load_weights(network.config, network.state_dict()).to(device)
        contender = Naive(plain, *groups, device, bfloat16=precision == "bfloat16")
    else:
        package = PointSAM(network, device=device, precision=precision)
        package.adjust_patch_params(*groups)
        contender = Package(package)
    told: list[Found] = []
    findings = Findings(Conditions("", device, threads=0, memory_limit=0, budget=BUDGET), told.append)
    gauge = Gauge(device)
    try:
        picks = cloud.coords[:: max(1, points // 3)][:3]
        logits = measure_clicks(contender, cloud, picks, gauge, findings)
    except NoRoomError as err:
        found["no_room"] = str(err)
    else:
        answer = _first_answers(model, points)
        answer.setdefault("naive", logits)  # the naive model in float32 comes first
        found["differs"] = float(((logits - answer["naive"]) ** 2).sum() / (answer["naive"] ** 2).sum()) ** 0.5
    for measure in dict.fromkeys(finding["measure"] for finding in told if "seconds" in finding):
        found[measure] = median(f["seconds"] for f in told if f["measure"] == measure and "seconds" in f)
    if device == "cuda":
        found["peak_bytes"] = torch.cuda.max_memory_allocated()
        found["peak_bytes_above_weights"] = gauge.peak()


@cache
def _network(model: str) -> Any:
    from benchmarks.contenders import load_network

    return load_network(model)


@cache
def _first_answers(model: str, points: int) -> dict[str, Any]:
    """Logits of the first click; filled by the first contender that is measured on this cloud."""
    return {}


def _train(precision: str, device: str, folder: Path, quick: bool, found: Found) -> None:
    from benchmarks.training import steps

    found.update(steps(precision, device, folder / precision, quick=quick))


if __name__ == "__main__":
    main()
