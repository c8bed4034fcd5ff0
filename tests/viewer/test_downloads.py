from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from point_sam.viewer.downloads import download
from point_sam.viewer.objects import SegmentedObject
from point_sam.viewer.restoring import restore
from point_sam.viewer.scene import Scene

LEG = SegmentedObject.of(1, np.arange(300) < 20, name="leg")


def test_what_is_sent_can_be_restored(scene: Scene, tmp_path: Path) -> None:
    name, content, remarks = download(scene, [LEG], ".json")
    (tmp_path / name).write_bytes(content)
    (restored,) = restore(scene, tmp_path / name)
    assert (name, remarks) == ("scan_objects.json", [])
    assert restored.name == "leg"
    np.testing.assert_array_equal(restored.mask, LEG.mask)


def test_a_format_that_is_a_path_writes_nothing(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "victim").mkdir()
    for above in ("/..", "/../..", "/../../.."):
        with pytest.raises(ValueError, match=r"the format .* is not offered"):
            download(scene, [LEG], f"{above}/victim/x.json")
    assert list((tmp_path / "victim").iterdir()) == []


@pytest.mark.parametrize("suffix", ["", ".PLY", ".glb", "ply", ".exe"])
def test_a_format_that_is_not_offered_is_refused(scene: Scene, suffix: str) -> None:
    with pytest.raises(ValueError, match="is not offered"):
        download(scene, [LEG], suffix)


def test_the_name_holds_nothing_that_a_path_could(scene: Scene) -> None:
    assert download(replace(scene, name="../a b.ply"), [LEG], ".npy").name == "a_b_objects.npy"
