"""A folder of clouds with labels as attributes: what anybody can make from their own scans (docs/datasets.md).

Every cloud that `point_sam.clouds` reads counts, in nested folders too, except names that begin with a dot; `.txt`
files count only where `dataset.json` asks for them. That file, in the folder, may say more, all of it optional:

    {"files": ["scans/*.ply"], "labels": ["part", "part_fine"], "ignore": [0], "families": {"scans/a*": "a"},
     "drop_invalid": true}
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from point_sam.clouds import PointCloud, PointCloudError, read_pointcloud, readable_suffixes
from point_sam.datasets.columns import labels_of
from point_sam.datasets.labeled import LabeledCloud
from point_sam.datasets.opening import Layout
from point_sam.datasets.splits import Splits, read_object, split_clouds

SETTINGS_FILE = "dataset.json"
VISIBLE = "visible"  # attribute, 0 or 1
_BY_REQUEST = (".txt",)  # more often notes than clouds
# Where coordinates are so much larger than the cloud, float32 would round what matters: 4 leaves 2e-7 of the size.
_FAR = 4.0
_LARGEST = 1e30  # beyond it squares overflow float32
_ADVICE = {"drop_invalid": f'drop them ("drop_invalid": true in {SETTINGS_FILE} does) or repair the source'}


@dataclass(frozen=True)
class FolderSettings:
    """What `dataset.json` says; without it, this.

    Attributes:
        files: patterns of the clouds' paths in the folder; None for every suffix but `.txt`.
        labels: attributes that are labels, coarse first; None for the rule of `datasets.columns`.
        ignore: label values that mean unlabelled, beside the negative ones.
        families: pattern -> family; the first that matches counts, else a cloud's family is its folder.
        drop_invalid: leave out points without finite coordinates, instead of refusing the cloud.
    """

    files: Sequence[str] | None = None
    labels: Sequence[str] | None = None
    ignore: Sequence[int] = ()
    families: Mapping[str, str] = field(default_factory=dict)
    drop_invalid: bool = False

    @staticmethod
    def read(file: Path) -> "FolderSettings":
        """Read `dataset.json`; the defaults where there is no such file.

        Raises:
            ValueError: it is no JSON, or a key or value is not one of those above.
        """
        if not file.exists():
            return FolderSettings()
        values = read_object(file, list(_KINDS))
        for key, value in values.items():
            wanted, fits = _KINDS[key]
            if not fits(value):
                raise ValueError(f"{file}: {key!r} is {value!r}; expected {wanted}")
        if isinstance(values.get("ignore"), int):
            values["ignore"] = [values["ignore"]]
        return FolderSettings(**values)  # type: ignore[arg-type] # checked above


class FolderDataset:
    """The clouds of a folder, listed by name; each is read when it is asked for, and none is kept.

    Attributes:
        root: the folder.
        settings: from its `dataset.json`.
        names: paths in the folder with forward slashes, sorted.
        families: of each cloud: its folder's path, or its own name where it lies in the root; or as the settings say.
        splits: see `datasets.splits`.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        """List the clouds.

        Raises:
            FileNotFoundError: no such folder.
            ValueError: no clouds in it, or `dataset.json` or `split.json` cannot be understood.
        """
        self.root = Path(root)
        if not self.root.is_dir():
            raise FileNotFoundError(f"{self.root}: no such folder")
        self.settings = FolderSettings.read(self.root / SETTINGS_FILE)
        self.names: Sequence[str] = tuple(_list(self.root, self.settings.files))
        if not self.names:
            raise ValueError(_nothing(self.root, self.settings.files))
        self.families: Sequence[str] = tuple(_family(name, self.settings.families) for name in self.names)
        self.splits: Splits = split_clouds(self.root, self.names, self.families)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> LabeledCloud:
        """Read one cloud.

        Raises:
            FileNotFoundError: the file has gone since the folder was listed.
            PointCloudError: it cannot be read, or has no labels that can be used; the message names the file.
        """
        path = self.root / self.names[index]
        try:
            cloud = read_pointcloud(path, drop_invalid=self.settings.drop_invalid)
        except PointCloudError as err:
            raise PointCloudError(err.advise(_ADVICE)) from err
        try:
            return self._label(cloud, index)
        except PointCloudError as err:
            raise err.within(path) from err

    def split(self, name: str) -> list[int]:
        """The numbers of the clouds of "train", "val", "test" or "all".

        Raises:
            ValueError: there is no such split, or `split.json` names what is not there.
        """
        if name == "all":
            return list(range(len(self)))
        try:
            return self.splits[name]
        except ValueError as err:
            line = str(err)
            raise ValueError(line if line.startswith(str(self.root)) else f"{self.root}: {line}") from None

    def _label(self, cloud: PointCloud, index: int) -> LabeledCloud:
        attributes = dict(cloud.attributes)
        visible = attributes.pop(VISIBLE, None)
        return LabeledCloud(
            _centred(cloud.xyz),
            cloud.rgb,
            labels_of(attributes, self.settings.labels, self.settings.ignore),
            None if visible is None or visible.ndim != 1 else visible.astype(bool),
            name=self.names[index],
            family=self.families[index],
        )


def _strings(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _families(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(family, str) and family for family in value.values())


_KINDS = {
    "files": ("a list of patterns", _strings),
    "labels": ("a list of attributes' names", _strings),
    "ignore": (
        "a whole number or a list of them",
        lambda value: _integer(value) or (isinstance(value, list) and all(_integer(item) for item in value)),
    ),
    "families": ("an object from patterns to families' names", _families),
    "drop_invalid": ("true or false", lambda value: isinstance(value, bool)),
}


def _list(root: Path, patterns: Sequence[str] | None) -> list[str]:
    known = readable_suffixes()
    names = []
    for folder, below, files in os.walk(root):
        below[:] = [name for name in below if not name.startswith(".")]
        inner = Path(folder).relative_to(root)
        for file in files:
            suffix = Path(file).suffix.lower()
            if file.startswith(".") or suffix not in known:
                continue
            name = (inner / file).as_posix()
            wanted = suffix not in _BY_REQUEST if patterns is None else any(fnmatchcase(name, p) for p in patterns)
            if wanted:
                names.append(name)
    return sorted(names)


def _nothing(root: Path, patterns: Sequence[str] | None) -> str:
    if patterns is not None:
        return f'{root}: no cloud matches "files" of {SETTINGS_FILE}, {", ".join(patterns)}'
    texts = len(_list(root, ["*.txt", "*.TXT"]))
    also = f'; {texts} .txt files are passed over: "files": ["*.txt"] in {SETTINGS_FILE} takes them' if texts else ""
    return f"{root}: no clouds in it ({' '.join(s for s in readable_suffixes() if s not in _BY_REQUEST)}){also}"


def _family(name: str, families: Mapping[str, str]) -> str:
    named = next((family for pattern, family in families.items() if fnmatchcase(name, pattern)), None)
    return named or (name.rpartition("/")[0] or name)


def _centred(xyz: np.ndarray) -> np.ndarray:
    low, high = xyz.min(0), xyz.max(0)
    with np.errstate(over="ignore"):
        size = float((high - low).max())
    if not size < _LARGEST:
        raise PointCloudError(f"spans {size:g} units; rescale it to less than {_LARGEST:g}")
    if float(np.abs(xyz).max()) > _FAR * size:
        # From the corner first: sums of UTM-sized numbers lose digits.
        xyz = xyz - low
        xyz = xyz - xyz.mean(0)
    return xyz.astype(np.float32)


def _detect(path: Path) -> bool:
    return path.is_dir() and ((path / SETTINGS_FILE).is_file() or bool(_list(path, None)))


LAYOUT = Layout(
    "folder",
    "a folder of clouds whose attributes are labels (docs/datasets.md)",
    _detect,
    FolderDataset,
    general=True,
)
