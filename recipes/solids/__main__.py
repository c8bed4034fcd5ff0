"""`point-sam train` with composed solids among the clouds.

python -m recipes.solids --config recipes/tiny.toml --data objects.npz --out RUN
torchrun --nproc-per-node 2 -m recipes.solids --config recipes/tiny.toml --data objects.npz --out RUN --resume
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace

from point_sam.datasets import open_dataset
from point_sam.training.config import read_config
from point_sam.training.progress import choose_reporter
from point_sam.training.trainer import train
from recipes.solids.dataset import WithSolids

# The mean over the steps of `tiny`, which had 0.30 of them at first and 0.15 at the end.
_SHARE = 0.27


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m recipes.solids", description=__doc__.splitlines()[0])
    parser.add_argument("--config", required=True, help="settings as TOML")
    parser.add_argument("--data", required=True, help="labelled clouds: a folder, or a file of objects")
    parser.add_argument("--share", type=float, default=_SHARE, help="of solids among the clouds (default: %(default)s)")
    parser.add_argument("--out", default="run", help="folder of the run (default: %(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on from the latest checkpoint")
    options = parser.parse_args(arguments)

    config = replace(read_config(options.config), data=options.data)
    dataset = WithSolids(open_dataset(config.data, layout=config.layout), options.share)
    outcome = train(config, options.out, dataset=dataset, resume=options.resume, reporter=choose_reporter())
    if os.environ.get("RANK", "0") == "0":
        print(f"{outcome.folder.path}: step {outcome.step} of {config.steps}")


if __name__ == "__main__":
    main()
