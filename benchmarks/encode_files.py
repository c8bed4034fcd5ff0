"""What an embedding file saves: the table of docs/performance.md.

    python benchmarks/encode_files.py
    python benchmarks/encode_files.py --points 100000 --repeats 1

For each number of points a bumpy sphere with colours is written as .npy. "encode" and "load" are `PointSAM.encode` and
`EncodedCloud.load` in this process; "command" is `point-sam segment` with one click from its start to its end, without
and with `--encoded`, in processes of their own and in turn. "fingerprint" is what comparing the cloud with the file
takes. All are medians of CPU seconds of all threads, which a busy machine changes less than the time on the wall.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from point_sam import EncodedCloud, PointSAM, read_pointcloud
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
    head = ["points", "file", "fingerprint", "encode", "load", "ratio", "command", "with --encoded", "ratio"]
    text = table(head, rows)
    print(text)
    if options.out is not None:
        options.out.write_text(f"{text}\n")


def measure(folder: Path, count: int, name: str, repeats: int) -> list[str]:
    path, embedding = folder / f"{count}.npy", folder / f"{count}.encoded.safetensors"
    np.save(path, np.concatenate(bumpy_sphere(count), axis=1))
    cloud = read_pointcloud(path)
    model = PointSAM.from_pretrained(name)
    model.encode(cloud.xyz, cloud.rgb, normalize=True).save(embedding)  # and warms up
    rounds: dict[str, list[float]] = {key: [] for key in ("fingerprint", "encode", "load", "command", "quick")}
    for _ in range(repeats):
        rounds["fingerprint"].append(cpu_seconds(lambda: fingerprint_cloud(cloud.xyz, cloud.rgb)))
        rounds["encode"].append(cpu_seconds(lambda: model.encode(cloud.xyz, cloud.rgb, normalize=True)))
        rounds["load"].append(cpu_seconds(lambda: EncodedCloud.load(embedding)))
        rounds["command"].append(segment(path, name))
        rounds["quick"].append(segment(path, name, "--encoded", embedding))
    seconds = {key: median(values) for key, values in rounds.items()}
    return [
        f"{count:,}",
        f"{embedding.stat().st_size / 1e6:.1f} MB",
        f"{seconds['fingerprint']:.3f} s",
        f"{seconds['encode']:.2f} s",
        f"{seconds['load']:.3f} s",
        f"{seconds['encode'] / seconds['load']:.0f}x",
        f"{seconds['command']:.1f} s",
        f"{seconds['quick']:.1f} s",
        f"{seconds['command'] / seconds['quick']:.2f}x",
    ]


def segment(cloud: Path, model: str, *options: object) -> float:
    """CPU seconds of one command."""
    click = ["--index", 0, "--model", model, "-o", cloud.with_name("mask.npy")]
    command = [sys.executable, "-m", "point_sam", "segment", cloud, *click, *options]
    before = os.times()
    subprocess.run([str(part) for part in command], capture_output=True, check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def bumpy_sphere(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    bumps = np.sin(direction * 9).prod(axis=1, keepdims=True)
    return direction * (1 + 0.2 * bumps), np.round(127 + 127 * np.clip(direction + bumps, -1, 1))


if __name__ == "__main__":
    main()
