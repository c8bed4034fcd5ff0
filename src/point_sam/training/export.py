"""From a training checkpoint to a model folder: `python -m point_sam.training.export RUN/last.pt FOLDER`.

The averaged weights (EMA) are written as float16 safetensors with a config.json; `from_pretrained(FOLDER)` reads them.
"""

import argparse
import json
from pathlib import Path

import torch

from point_sam import PointSAM
from point_sam.model import ModelConfig, PointSAMModel


def export(checkpoint: Path, folder: Path) -> int:
    """Write the averaged weights of `checkpoint` into `folder`; returns the step they are from."""
    saved = torch.load(checkpoint, weights_only=True)
    model = PointSAMModel(ModelConfig.from_dict(json.loads(saved["config"])["model"]))
    model.load_state_dict(saved["ema"])
    PointSAM(model).save_pretrained(folder, dtype="float16")
    return int(saved["step"])


def main() -> None:
    """Run `export` on the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    step = export(options.checkpoint, options.folder)
    print(f"weights of step {step} written to {options.folder}")


if __name__ == "__main__":
    main()
