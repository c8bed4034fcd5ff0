import dataclasses

import pytest
import torch

from point_sam import ModelConfig
from point_sam.model import PRESETS, PointSAMModel


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_their_dictionary(name):
    config = ModelConfig.preset(name)
    assert ModelConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_heads": 5}, "width 192 is not a multiple of num_heads 5"),
        ({"depth": 0}, "depth is 0; it must be a positive whole number"),
        ({"group_size": None}, "group_size belongs to the knn tokenizer"),
        ({"patch_widths": (128, 512)}, "patch_widths of a knn tokenizer is 3 positive whole numbers"),
        ({"mask_widths": (128, 0, 256)}, "mask_widths of a knn tokenizer"),
    ],
)
def test_impossible_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(ModelConfig.preset("knn_small"), **changes)


def test_unknown_and_missing_settings_are_named():
    values = ModelConfig.preset("knn_small").to_dict()
    with pytest.raises(ValueError, match="unknown model settings: wheels"):
        ModelConfig.from_dict(values | {"wheels": 4})
    del values["depth"]
    with pytest.raises(ValueError, match=r"incomplete model settings: .*depth"):
        ModelConfig.from_dict(values)
    with pytest.raises(ValueError, match="no model variant is called 'huge'; known: tiny, base"):
        ModelConfig.preset("huge")


def test_tiny_stays_small():
    with torch.device("meta"):
        model = PointSAMModel(ModelConfig.preset("tiny"))
    assert sum(p.numel() for p in model.parameters()) < 10e6
