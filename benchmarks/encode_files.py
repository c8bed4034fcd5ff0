"""What an embedding file saves: the table of docs/encode.md.

    python benchmarks/encode_files.py
    python benchmarks/encode_files.py --points 100000 --repeats 1

For each number of points a bumpy sphere with colours is written as .npy, and `point-sam segment` run in a process of
its own with one click, with and without `--encoded` in turn; medians. "encoding" is that stage of the command, "from
the file" the same where it reads the embedding; "decoding" is the click, the same either way; "whole command" is from
the start of the process to its end, without and with. "fingerprint" is what comparing the cloud with the file takes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from point_sam import PointSAM, read_pointcloud
from point_sam.encoded import fingerprint_cloud
from point_sam.evaluation.tables import table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="also write the table here")
    options = parser.parse_args()

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for count in options.points:
            rows.append(measure(Path(folder), count, options.model, options.repeats))
    head = ["points", "file", "fingerprint", "encoding", "from the file", "ratio", "decoding", "whole command", "ratio"]
    text = table(head, rows)
    print(text)
    if options.out is not None:
        options.out.write_text(f"{text}\n")


def measure(folder: Path, count: int, model: str, repeats: int) -> list[str]:
    cloud, embedding = folder / f"{count}.npy", folder / f"{count}.encoded.safetensors"
    xyz, rgb = bumpy_sphere(count)
    np.save(cloud, np.concatenate([xyz, rgb], axis=1))
    read = read_pointcloud(cloud)
    PointSAM.from_pretrained(model).encode(read.xyz, read.rgb, normalize=True).save(embedding)
    fingerprint = min(timed(lambda: fingerprint_cloud(read.xyz, read.rgb)) for _ in range(3))
    plain, quick = [], []
    for _ in range(repeats):
        plain.append(segment(cloud, model))
        quick.append(segment(cloud, model, "--encoded", embedding))
    stage = [median(run["encoding"] for run in runs) for runs in (plain, quick)]
    whole = [median(run["whole"] for run in runs) for runs in (plain, quick)]
    decoding = median(run["decoding"] for run in plain + quick)
    return [
        f"{count:,}",
        f"{embedding.stat().st_size / 1e6:.1f} MB",
        f"{fingerprint:.3f} s",
        f"{stage[0]:.2f} s",
        f"{stage[1]:.3f} s",
        f"{stage[0] / stage[1]:.0f}x",
        f"{decoding:.2f} s",
        f"{whole[0]:.1f} s, {whole[1]:.1f} s",
        f"{whole[0] / whole[1]:.2f}x",
    ]


def segment(cloud: Path, model: str, *options: object) -> dict[str, float]:
    """Seconds of each stage of one command, and "whole"."""
    click = ["--index", 0, "--model", model, "--json", "-o", cloud.with_name("mask.npy")]
    command = [sys.executable, "-m", "point_sam", "segment", cloud, *click, *options]
    start = time.perf_counter()
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
    return {**json.loads(done.stdout)["seconds"], "whole": time.perf_counter() - start}


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bumpy_sphere(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    bumps = np.sin(direction * 9).prod(axis=1, keepdims=True)
    return direction * (1 + 0.2 * bumps), np.round(127 + 127 * np.clip(direction + bumps, -1, 1))


if __name__ == "__main__":
    main()
