from collections import Counter

import pytest

from recipes.objects.entries import catalog, parse_package, select, unseen_families
from recipes.objects.readers import READERS


def test_shipped_catalogue_names_every_model_once_with_a_reader_a_licence_and_a_path() -> None:
    entries = [entry for package in catalog() for entry in package.entries]
    assert [key for key, count in Counter(entry.key for entry in entries).items() if count > 1] == []
    for entry in entries:
        assert entry.reader in READERS
        assert entry.family
        assert entry.license
        assert not entry.path.startswith("/")
        assert ".." not in entry.path
        assert "/" not in entry.name


def test_default_collection_has_more_than_700_models_and_shares_no_family_with_the_unseen() -> None:
    default, unseen = (
        {entry.key: entry.family for _, entries in select(catalog(), collection=name) for entry in entries}
        for name in ("objects", "unseen")
    )
    assert len(default) > 700
    assert not set(default.values()) & unseen_families()
    assert len(unseen) > 50


def test_package_file_fills_in_defaults_and_sorts_out_unseen_families() -> None:
    package = parse_package(
        {
            "package": "toys",
            "version": "1",
            "registry": "pip",
            "defaults": {"reader": "obj", "options": {"y_up": True}},
            "models": [
                {"name": "car", "family": "car", "category": "", "license": "MIT", "path": "car.obj"},
                {
                    "name": "robot",
                    "family": "robot",
                    "category": "",
                    "license": "MIT",
                    "path": "r.urdf",
                    "reader": "urdf",
                    "options": {},
                },
            ],
        },
        frozenset({"robot"}),
    )
    car, robot = package.entries
    assert (car.key, car.reader, car.options, car.collection) == ("toys/car", "obj", {"y_up": True}, "objects")
    assert (robot.reader, robot.options, robot.collection) == ("urdf", {}, "unseen")


def test_choice_by_package_and_text() -> None:
    ((package, entries),) = select(catalog(), names=["robosuite"], only="spot")
    assert package.name == "robosuite"
    assert sorted(entry.name for entry in entries) == ["spot", "spot_arm"]


def test_unknown_package_and_empty_choice_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"no package 'robotsuite' in the catalogue; it has .*robosuite"):
        select(catalog(), names=["robotsuite"])
    with pytest.raises(ValueError, match="no model with a name with 'zeppelin' of robosuite"):
        select(catalog(), names=["robosuite"], only="zeppelin")
