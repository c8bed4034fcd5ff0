"""The whole build on a site of three small models and a damaged one."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from point_sam.datasets.layouts.objects import ObjectCollection
from recipes.objects import builder
from recipes.objects.builder import BuildReport, build_collection
from recipes.objects.clouds import POINTS
from recipes.objects.entries import Package
from recipes.objects.hashes import parse_hashes

Build = Callable[..., BuildReport]


@pytest.fixture
def build(tmp_path: Path, site: Path, toys: Package) -> Build:
    """`build_collection` into `tmp_path/NAME` from the small site."""

    def run(name: str = "out", **options: Any) -> BuildReport:
        return build_collection(tmp_path / name, **{"site": site, "contents": [toys], **options})

    return run


def test_collection_reads_back_with_its_parts_colours_and_poses(build: Build, tmp_path: Path) -> None:
    report = build()
    assert (report.objects, report.clouds, report.families) == (3, 4, 2)
    collection = ObjectCollection.read(tmp_path / "out")
    assert collection.names == ["toys/arm/rest", "toys/arm/random", "toys/chair/rest", "toys/tower/rest"]
    assert collection.families == ["robot", "robot", "furniture", "furniture"]
    clouds = [collection[i] for i in range(len(collection))]
    for cloud in clouds:
        assert cloud.xyz.shape == (POINTS, 3)
        np.testing.assert_allclose(np.linalg.norm(cloud.xyz, axis=1).max(), 1, atol=1e-4)
        assert np.abs(cloud.xyz.mean(axis=0)).max() < 1e-4
    arm, _, chair, tower = clouds
    assert [len(np.unique(cloud.labels["part"])) for cloud in (arm, chair, tower)] == [3, 3, 3]
    assert np.unique(arm.rgb, axis=0).tolist() == [[0, 0, 255], [170, 170, 170], [255, 0, 0]]
    assert 0 < arm.visible.mean() <= 1
    heights = [np.ptp(tower.xyz[tower.labels["part"] == part][:, 2]) for part in range(3)]
    assert max(heights) < 0.5  # each label is one of the three boxes


def test_rows_tell_where_they_are_from(build: Build, tmp_path: Path) -> None:
    build()
    rows = json.loads((tmp_path / "out" / "objects.json").read_text())
    assert rows[1] == {
        "name": "arm",
        "family": "robot",
        "package": "toys",
        "category": "robot",
        "license": "MIT",
        "label_kind": "urdf_link",
        "has_colour": True,
        "pose": "random",
    }


def test_failures_are_listed_and_stop_nothing(build: Build) -> None:
    seen = []
    report = build(on_outcome=lambda outcome, total: seen.append((outcome.key, total)))
    assert report.failures == [
        ("toys/broken", "broken.obj: holds no faces"),
        ("toys/gone", "the package has no file gone.glb"),
    ]
    assert len(seen) == 5
    assert {total for _, total in seen} == {5}


def test_same_files_give_the_same_hashes_in_any_number_of_processes(build: Build, tmp_path: Path) -> None:
    build("one")
    build("two", jobs=2)
    one, two = ((tmp_path / name / "objects.sha256").read_text() for name in ("one", "two"))
    assert one == two
    assert sorted(parse_hashes(one)) == ["toys/arm/random", "toys/arm/rest", "toys/chair/rest", "toys/tower/rest"]
    assert (tmp_path / "one/objects.json").read_text() == (tmp_path / "two/objects.json").read_text()


def test_second_run_keeps_what_is_finished_and_builds_what_is_not(build: Build, tmp_path: Path) -> None:
    build()
    before = (tmp_path / "out/objects.sha256").read_text()
    (tmp_path / "out/parts/toys/arm.npz").unlink()
    (tmp_path / "out/parts/toys/chair.npz").write_bytes(b"half a file")
    report = build()
    assert report.reused == 1
    assert (tmp_path / "out/objects.sha256").read_text() == before


def test_another_catalogue_entry_or_package_version_is_built_anew(build: Build, toys: Package, site: Path) -> None:
    build()
    turned = [replace(entry, options={"y_up": True}) if entry.reader == "obj" else entry for entry in toys.entries]
    assert build(contents=[replace(toys, entries=tuple(turned))]).reused == 2
    (site / "toys-1.dist-info").rename(site / "toys-2.dist-info")
    report = build(contents=[replace(toys, entries=tuple(turned))])
    assert report.reused == 0
    assert report.versions == [("toys", "1", "2")]


def test_choice_of_models_is_all_that_is_built(build: Build, tmp_path: Path) -> None:
    assert build(only="toys/ch").objects == 1
    assert ObjectCollection.read(tmp_path / "out").names == ["toys/chair/rest"]


def test_attribution_names_package_version_and_licences(build: Build, tmp_path: Path) -> None:
    build()
    text = (tmp_path / "out/ATTRIBUTION.md").read_text()
    assert "| toys | 1 | CC0-1.0 | 2 | 2 |" in text
    assert "| toys | 1 | MIT | 1 | 2 |" in text
    assert "- toys: by the toymaker" in text


def test_package_that_cannot_be_had_is_told_and_the_rest_built(build: Build, toys: Package) -> None:
    other = replace(toys, name="absent", entries=tuple(replace(entry, package="absent") for entry in toys.entries))
    report = build(contents=[other, toys])
    assert report.objects == 3
    assert report.unavailable[0][0] == "absent"
    with pytest.raises(OSError, match=r"none of the packages can be had; absent is not in .*pip install"):
        build(contents=[other])


def test_comparison_with_the_reference_tells_what_changed(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build()
    assert first.comparison.new == ["toys/arm/random", "toys/arm/rest", "toys/chair/rest", "toys/tower/rest"]
    reference = {"toys/arm/rest": ("0", "0"), "toys/gone/rest": ("0", "0"), "elsewhere/x/rest": ("0", "0")}
    monkeypatch.setattr(builder, "reference_hashes", lambda: reference)
    second = build().comparison
    assert (second.changed, second.missing) == (["toys/arm/rest"], ["toys/gone/rest"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jobs": 0}, "jobs must be 1 or more"),
        ({"only": "zeppelin"}, "no model with a name with 'zeppelin'"),
        ({"packages": ["toyz"]}, "no package 'toyz'"),
        ({"only": "broken"}, r"none of 1 objects could be built; toys/broken: broken\.obj"),
    ],
)
def test_impossible_wishes_are_refused(build: Build, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**options)


def test_site_that_is_no_folder_is_refused(build: Build, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        build(site=tmp_path / "nowhere")


def test_missing_library_is_named_before_the_work(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "find_spec", lambda name: None if name == "embreex" else object())
    with pytest.raises(ImportError, match=r"needs embreex: pip install -r recipes/objects/requirements"):
        build()
