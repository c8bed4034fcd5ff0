"""What `point-sam everything` finds in files, without truth to compare with: the pictures of docs/everything.md.

    python benchmarks/everything_files.py examples/data/* rhino.glb --pictures docs/images/everything

Each file is one run of the command with its defaults: masks, the share of the points that bear a label (coverage), the
seconds of encoding and of the 128 clicks. Other work on the machine has its share of the seconds.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from point_sam.evaluation.tables import table

HEAD = ["file", "points", "masks", "coverage", "largest", "smallest", "encoding, s", "clicks, s"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", help="clouds and meshes; others are passed over")
    parser.add_argument("--pictures", type=Path, help="a folder for a picture of each, .webp")
    parser.add_argument("--options", default="", help="of point-sam everything, as one word: '--points 256'")
    options = parser.parse_args()
    if options.pictures is not None:
        options.pictures.mkdir(parents=True, exist_ok=True)
    rows = [row_of(file, options.pictures, options.options.split()) for file in options.files if file.suffix != ".md"]
    print(table(HEAD, rows))


def row_of(file: Path, pictures: Path | None, options: list[str]) -> list[str]:
    """One run, as a line of the table.

    Raises:
        subprocess.CalledProcessError: the command failed; it has said why.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = ["-o", str(Path(folder) / "labels.npy"), "--json"]
        if pictures is not None:
            out += ["--picture", str(pictures / f"{file.stem}.webp")]
        command = [sys.executable, "-m", "point_sam", "everything", str(file), *out, *options]
        told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    areas = [mask["area"] for mask in told["masks"]] or [0]
    seconds = told["seconds"]
    return [
        file.name,
        f"{told['points']:,}",
        str(len(told["masks"])),
        f"{told['labelled_share']:.0%}",
        f"{max(areas) / told['points']:.1%}",
        f"{min(areas) / told['points']:.1%}",
        f"{seconds['encoding']:.1f}",
        f"{seconds['clicking everywhere']:.1f}",
    ]


if __name__ == "__main__":
    main()
