import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from point_sam import PointSAM
from point_sam.viewer.autosave import Autosave, default_folder
from point_sam.viewer.objects import label_image
from point_sam.viewer.scene import Scene, open_scene
from point_sam.viewer.workspace import Workspace


@pytest.fixture
def autosave(tmp_path: Path) -> Autosave:
    return Autosave(tmp_path / "cache" / "autosave")


@pytest.fixture
def busy(workspace: Workspace) -> Workspace:
    work_on(workspace)
    return workspace


def work_on(workspace: Workspace) -> None:
    """Accept and rename one object, begin the next."""
    workspace.click(3)
    workspace.accept()
    workspace.rename(1, "linkes Bein")
    workspace.click(5)
    workspace.step()
    workspace.click(9, positive=False)


def age(path: Path, days: float) -> None:
    then = time.time() - days * 86400
    os.utime(path, (then, then))


@pytest.mark.parametrize("scales", ["balls", "whole"])
def test_everything_comes_back(autosave: Autosave, dense: Workspace, model: PointSAM, scales: str) -> None:
    """Whatever is usual for who goes on."""
    busy, scene = dense, dense.scene
    work_on(busy)
    busy.step()
    assert busy.state.scales == "balls"
    assert busy.state.choices[1] > 0
    autosave.save(scene, "anna", busy.state)
    saved, messages = Autosave(autosave.folder).pending(scene)
    assert messages == []
    (found,) = saved
    assert found.person == "anna"
    assert abs(found.saved_at - time.time()) < 60
    other = Workspace(scene, model, model.encode(scene.cloud.xyz, scene.cloud.rgb, normalize=True), scales)
    other.resume(found.objects, found.clicks, found.choices, found.scales)
    state, wanted = other.state, busy.state
    np.testing.assert_array_equal(state.mask, wanted.mask)
    np.testing.assert_array_equal(label_image(state.objects, 2000), label_image(wanted.objects, 2000))
    assert (state.clicks, state.choices, state.iou_score) == (wanted.clicks, wanted.choices, wanted.iou_score)
    assert [item.name for item in state.objects] == ["linkes Bein"]


def test_what_an_earlier_version_saved_is_of_the_whole_cloud(
    autosave: Autosave, whole: Workspace, workspace: Workspace, scene: Scene
) -> None:
    whole.click(5)
    whole.step()
    whole.click(9, positive=False)
    autosave.save(scene, "anna", whole.state)
    (path,) = autosave.folder.iterdir()
    described = json.loads(path.read_text())
    del described["scales"]  # which it did not have
    path.write_text(json.dumps(described))
    (found,) = autosave.pending(scene).saved
    workspace.resume(found.objects, found.clicks, found.choices, found.scales)
    np.testing.assert_array_equal(workspace.state.mask, whole.state.mask)
    assert (workspace.state.choices, workspace.state.iou_score) == (whole.state.choices, whole.state.iou_score)


def test_a_later_state_takes_the_place_of_an_earlier(autosave: Autosave, busy: Workspace, scene: Scene) -> None:
    autosave.save(scene, "anna", busy.state)
    busy.delete(1)
    autosave.save(scene, "anna", busy.state)
    (found,) = autosave.pending(scene).saved
    assert found.objects == ()


def test_people_and_clouds_are_kept_apart(autosave: Autosave, busy: Workspace, scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "other.xyz").write_text("0 0 0\n1 0 0\n0 1 0\n")
    other = open_scene(tmp_path / "other.xyz")
    autosave.save(scene, "anna", busy.state)
    autosave.save(scene, "ben", busy.state)
    assert [item.person for item in autosave.pending(scene).saved] == ["ben", "anna"]
    assert [item.person for item in autosave.pending(scene, "an").saved] == ["anna"]
    (autosave.folder / f"{scene.fingerprint}.ben.json").write_text("damaged")
    assert autosave.pending(scene, "an").messages == []
    autosave.save(scene, "ben", busy.state)
    assert autosave.pending(other).saved == []
    autosave.discard(scene, "anna")
    autosave.discard(scene, "anna")
    assert [item.person for item in autosave.pending(scene).saved] == ["ben"]


def test_nothing_to_save_removes_what_was_saved(autosave: Autosave, workspace: Workspace, scene: Scene) -> None:
    workspace.click(3)
    autosave.save(scene, "anna", workspace.state)
    workspace.undo()
    autosave.save(scene, "anna", workspace.state)
    assert list(autosave.folder.iterdir()) == []


def test_without_a_folder_nothing_is_pending(autosave: Autosave, scene: Scene) -> None:
    assert autosave.pending(scene) == ([], [])
    assert not autosave.folder.exists()


def test_only_its_owner_can_look_into_the_folder(autosave: Autosave, busy: Workspace, scene: Scene) -> None:
    autosave.save(scene, "anna", busy.state)
    assert autosave.folder.stat().st_mode & 0o077 == 0


def test_the_oldest_beyond_the_limit_go(tmp_path: Path, busy: Workspace, scene: Scene) -> None:
    autosave = Autosave(tmp_path / "few", max_files=2)
    for days, person in ((3, "anna"), (2, "ben"), (1, "carl")):
        autosave.save(scene, person, busy.state)
        age(autosave.folder / f"{scene.fingerprint}.{person}.json", days)
    assert sorted(item.person for item in autosave.pending(scene).saved) == ["ben", "carl"]


def test_old_ones_are_not_offered_and_go(tmp_path: Path, busy: Workspace, scene: Scene) -> None:
    autosave = Autosave(tmp_path / "young", max_age_days=7.0)
    autosave.save(scene, "anna", busy.state)
    age(next(autosave.folder.iterdir()), 8)
    assert autosave.pending(scene).saved == []
    piece = autosave.folder / ".left.by.a.kill.tmp"
    piece.touch()
    age(piece, 2)
    autosave.save(scene, "ben", busy.state)
    assert [path.name for path in autosave.folder.iterdir()] == [f"{scene.fingerprint}.ben.json"]


def test_other_files_in_the_folder_stay(tmp_path: Path, busy: Workspace, scene: Scene) -> None:
    autosave = Autosave(tmp_path, max_files=1)
    autosave.save(scene, "anna", busy.state)
    assert (tmp_path / "scan.ply").exists()


@pytest.mark.parametrize("person", ["", "../anna", "a" * 65, "anna.json", "an na", "ä", "a\n"])
def test_names_that_could_leave_the_folder_are_refused(
    autosave: Autosave, busy: Workspace, scene: Scene, person: str
) -> None:
    for action in (
        lambda: autosave.save(scene, person, busy.state),
        lambda: autosave.pending(scene, person or "."),
        lambda: autosave.discard(scene, person),
    ):
        with pytest.raises(ValueError, match="is no name for an autosave"):
            action()


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"cloud": None},
        {"cloud": {"points": 300, "fingerprint": "0"}},
        {"saved_at": None},
        {"clicks": [{}]},
        {"choices": []},
        {"choices": [-1, 0]},
        {"choices": [0, 1.0]},
        {"choices": [0, True]},
        {"scales": "cubes"},
        {"scales": None},
        {"objects": None},
        {"objects": [{}]},
    ],
)
def test_what_does_not_fit_is_passed_over_with_a_message(
    autosave: Autosave, busy: Workspace, scene: Scene, change: dict[str, object]
) -> None:
    autosave.save(scene, "anna", busy.state)
    autosave.save(scene, "ben", busy.state)
    path = autosave.folder / f"{scene.fingerprint}.anna.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    saved, messages = autosave.pending(scene)
    assert [item.person for item in saved] == ["ben"]
    (message,) = messages
    assert f"{path.name} cannot be read and is passed over: " in message


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 0.999), octet=st.integers(0, 255), cut=st.booleans())
def test_damage_is_told_or_harmless(
    autosave: Autosave, busy: Workspace, scene: Scene, place: float, octet: int, cut: bool
) -> None:
    autosave.save(scene, "anna", busy.state)
    path = autosave.folder / f"{scene.fingerprint}.anna.json"
    octets = bytearray(path.read_bytes())
    position = int(place * len(octets))
    octets[position] = octet
    path.write_bytes(octets[:position] if cut else octets)
    saved, messages = autosave.pending(scene)
    assert len(saved) + len(messages) == 1
    assert all("\n" not in message for message in messages)


def test_a_kill_while_saving_leaves_the_last_state(autosave: Autosave, busy: Workspace, scene: Scene) -> None:
    """The process dies inside a write, as by `kill -9`."""
    autosave.save(scene, "anna", busy.state)
    path = autosave.folder / f"{scene.fingerprint}.anna.json"
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from point_sam.atomic import write_atomically\n"
        "def die(file):\n    file.write(b'half'); file.flush(); os._exit(9)\n"
        "write_atomically(Path(sys.argv[1]), die)\n"
    )
    assert subprocess.run([sys.executable, "-c", program, str(path)], check=False).returncode == 9
    assert len(list(autosave.folder.iterdir())) == 2
    assert len(Autosave(autosave.folder).pending(scene).saved) == 1


def test_the_usual_folder_is_in_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "point-sam" / "autosave"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder() == tmp_path / ".cache" / "point-sam" / "autosave"


def test_limits_that_keep_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_files is 0"):
        Autosave(tmp_path, max_files=0)
    with pytest.raises(ValueError, match="max_age_days"):
        Autosave(tmp_path, max_age_days=0.0)
