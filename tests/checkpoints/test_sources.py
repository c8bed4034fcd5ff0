import pytest

from point_sam import CheckpointError, ModelConfig, PointSAM
from point_sam.checkpoints import hub


def test_missing_local_paths_are_not_looked_up_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "_fetch", lambda *_, **__: pytest.fail("asked the hub"))
    for name in (tmp_path / "absent", "absent.safetensors", "folder/absent.pt", "./a", "~/absent", "a/b/c", "/absent"):
        with pytest.raises(FileNotFoundError, match="no such file or folder"):
            PointSAM.from_pretrained(name)
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        PointSAM.from_pretrained(checkpoint_path="user/repo")
    with pytest.raises(FileNotFoundError, match=r"holds no model\.safetensors"):
        PointSAM.from_pretrained(tmp_path)


def test_local_files_of_other_kinds_are_refused(tmp_path, refused):
    (tmp_path / "w.onnx").touch()
    refused(tmp_path / "w.onnx", r"weights end in \.safetensors, \.pt")


@pytest.mark.parametrize("name", ["base", "giant", "voronoi_large", "voronoi_giant"])
def test_models_without_published_weights_say_so(name):
    with pytest.raises(CheckpointError, match=f"{name!r} has no published weights; pass checkpoint_path="):
        PointSAM.from_pretrained(name)


def test_unknown_names_list_the_known_ones():
    with pytest.raises(CheckpointError, match="no model is called 'larg'; known: tiny, base, large"):
        PointSAM.from_pretrained("larg")


def test_missing_embedded_weights_are_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr("point_sam.checkpoints.sources.resources.files", lambda _: tmp_path)
    with pytest.raises(CheckpointError, match="the weights of 'tiny' are missing from this installation"):
        PointSAM.from_pretrained("tiny")


def test_embedded_weights_load_by_name(model, tmp_path, monkeypatch):
    model.save_pretrained(tmp_path / "weights", dtype="float16")
    (tmp_path / "weights" / "model.safetensors").rename(tmp_path / "weights" / "tiny.safetensors")
    monkeypatch.setattr("point_sam.checkpoints.sources.resources.files", lambda _: tmp_path)
    assert PointSAM.from_pretrained().model.config == model.model.config


def test_options_that_contradict_each_other_are_refused(folder):
    with pytest.raises(ValueError, match="give one"):
        PointSAM.from_pretrained(folder, variant="tiny", config=ModelConfig.preset("tiny"))
    with pytest.raises(ValueError, match="only applies to"):
        PointSAM.from_pretrained(folder, revision="main")
    with pytest.raises(ValueError, match="does not apply"):
        PointSAM.from_pretrained("tiny", revision="main")
