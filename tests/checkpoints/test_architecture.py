import pytest

from point_sam import CheckpointError, ModelConfig
from point_sam.checkpoints import infer_config

VARIANTS = ["base", "large", "giant", "voronoi_large", "voronoi_giant", "knn_small", "voronoi_small"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_architecture_is_read_off_the_originals_tensors(variant, manifest):
    shapes = manifest(variant)
    # giant ships the trunk of an image model; base and large share nothing that would tell them apart but sizes.
    assert infer_config(shapes) == ModelConfig.preset(variant)


def test_settings_decide_what_tensors_do_not(manifest):
    config = infer_config(manifest("knn_small"), {"num_heads": 6, "num_groups": 99, "group_size": 7})
    assert (config.num_heads, config.num_groups, config.group_size) == (6, 99, 7)


def test_settings_that_contradict_the_tensors_are_refused(manifest):
    with pytest.raises(CheckpointError, match=r"config\.json says depth = 3 but the tensors have 12"):
        infer_config(manifest("knn_small"), {"depth": 3})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_heads": 5}, "width 192 is not a multiple of num_heads 5"),
        ({"num_heads": "3"}, "num_heads"),
        ({"num_groups": 0}, "num_groups is 0"),
        ({"group_size": None}, "group_size belongs to the knn tokenizer"),
        ({"colour": "red"}, "unknown model settings: colour"),
    ],
)
def test_invalid_settings_are_refused(manifest, settings, message):
    with pytest.raises(CheckpointError, match=message):
        infer_config(manifest("knn_small"), settings)


def test_other_models_are_recognised_as_such():
    with pytest.raises(
        CheckpointError, match=r"these are not Point-SAM weights: .* the first tensors are image_encoder\.w"
    ):
        infer_config({"image_encoder.w": (3, 3)})
