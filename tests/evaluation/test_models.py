from pathlib import Path

import numpy as np
import pytest

from point_sam import PointSAM
from point_sam.evaluation import Interaction, choose_models


def test_names_come_from_what_was_given(tmp_path: Path) -> None:
    (tmp_path / "final").mkdir()
    (tmp_path / "a=b").mkdir()
    texts = [
        "tiny",
        "nearest-click",
        "user/repo",
        str(tmp_path / "final" / "model.safetensors"),
        str(tmp_path / "step 200.pt"),
        str(tmp_path / "a=b"),
        "mine=large",
    ]

    choices = choose_models(texts)

    assert [choice.name for choice in choices] == [
        "tiny",
        "nearest-click",
        "repo",
        "final",
        "step_200",
        "a_b",
        "mine",
    ]
    assert choices[-1].source == "large"
    assert choices[1].is_baseline
    assert not choices[0].is_baseline


def test_two_models_of_one_name_are_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two models would be called 'tiny'; name one, as other=tiny"):
        choose_models(["tiny", "tiny"])
    assert [choice.name for choice in choose_models(["tiny", "other=tiny"])] == ["tiny", "other"]


@pytest.mark.parametrize("text", ["=tiny", "a/b=tiny", "..=tiny", "mine="])
def test_names_that_are_no_folders_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a name has letters"):
        choose_models([text])


def test_no_model_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no model"):
        choose_models([])


def test_a_baseline_goes_by_its_name() -> None:
    (choice,) = choose_models(["ours=nearest-click"])

    segmenter = choice.build()

    assert segmenter.settings == {"model": "ours"}
    coords = np.zeros((4, 3), np.float32)
    interaction = segmenter.start(coords, None, 1)
    assert isinstance(interaction, Interaction)
    assert interaction.click(coords[:1], np.array([True])).masks.all()


def test_a_network_is_loaded_with_its_settings(model: PointSAM, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "mine")
    (choice,) = choose_models([str(tmp_path / "mine")], num_groups=16, device="cpu", precision="float32")

    settings = choice.build().settings

    assert settings["model"] == "mine"
    assert settings["num_groups"] == 16
    assert settings["group_size"] == model.group_size
    assert settings["fingerprint"] == model.fingerprint
    assert (settings["device"], settings["dtype"]) == ("cpu", "torch.float32")


def test_networks_are_evaluated_at_each_scale_and_baselines_once(model: PointSAM, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "mine")
    texts = [str(tmp_path / "mine"), "best-sphere"]

    choices = choose_models(texts, device="cpu", precision="float32", scales=("whole", "balls"))

    assert [(choice.name, choice.scales) for choice in choices] == [
        ("mine", "whole"),
        ("mine through balls", "balls"),
        ("best-sphere", "whole"),
    ]
    whole, balls, _ = (choice.build().settings for choice in choices)
    assert balls == {**whole, "model": "mine through balls", "scales": "balls"}
    with pytest.raises(ValueError, match="two models would be called 'tiny through balls'"):
        choose_models(["tiny", "tiny through balls=best-sphere"], scales=("balls",))


def test_weights_that_are_not_there_are_refused(tmp_path: Path) -> None:
    (choice,) = choose_models([str(tmp_path / "none.safetensors")])

    with pytest.raises(FileNotFoundError, match=r"none\.safetensors"):
        choice.build()
