"""What people have done, kept on disk after each change, so that a dropped tab or a killed server loses nothing."""

import json
import os
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from point_sam.atomic import write_atomically
from point_sam.messages import first_line, printable
from point_sam.session import Click
from point_sam.viewer.objects import SegmentedObject
from point_sam.viewer.records import clicks_from_records, clicks_to_records, objects_from_records, objects_to_records
from point_sam.viewer.scene import Scene
from point_sam.viewer.workspace import State

MAX_FILES = 200
MAX_AGE_DAYS = 30.0

_FORMAT = "point_sam.autosave.1"
_PERSON = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MOST_BYTES = 512 << 20  # of one file that is read
_DAY = 86400.0  # seconds
_MOST_MESSAGE = 300  # characters


@dataclass(frozen=True, eq=False)
class Saved:
    """One saved state.

    Attributes:
        path: its file.
        person: whose.
        saved_at: seconds since 1970.
        objects, clicks, choices, scales: for `Workspace.resume`.
    """

    path: Path
    person: str
    saved_at: float
    objects: tuple[SegmentedObject, ...]
    clicks: tuple[Click, ...]
    choices: tuple[int, ...]
    scales: Literal["balls", "whole"]


class Pending(NamedTuple):
    """Saved states, the newest first, and what to tell about files that could not be read."""

    saved: list[Saved]
    messages: list[str]


class Autosave:
    """A folder of saved states, one for each person and cloud. Threads may share it, and servers.

    Args:
        folder: made when needed, for its owner alone; None takes `default_folder()`.
        max_files: the oldest beyond so many go.
        max_age_days: older ones go.

    Raises:
        ValueError: max_files is below 1, or max_age_days not above 0.
    """

    def __init__(
        self, folder: Path | None = None, *, max_files: int = MAX_FILES, max_age_days: float = MAX_AGE_DAYS
    ) -> None:
        if max_files < 1:
            raise ValueError(f"max_files is {max_files}; it must be 1 or more")
        if not max_age_days > 0:
            raise ValueError(f"max_age_days is {max_age_days}; it must be above 0")
        self.folder = default_folder() if folder is None else folder
        self._max_files = max_files
        self._max_age = max_age_days * _DAY
        self._writing = threading.Lock()

    def save(self, scene: Scene, person: str, state: State) -> None:
        """Write a state, complete or not at all, in place of this person's last one; nothing to save removes that.

        Args:
            scene: what it is of.
            person: 1 to 64 letters, digits, - or _.
            state: of the workspace.

        Raises:
            ValueError: another kind of name.
            OSError: the system refuses.
        """
        path = self._path(scene, person)
        if not state.objects and not state.clicks:
            self.discard(scene, person)
            return
        described = {
            "format": _FORMAT,
            "person": person,
            "saved_at": time.time(),
            "cloud": {"name": scene.name, "points": len(scene), "fingerprint": scene.fingerprint},
            "objects": objects_to_records(state.objects, "packed"),
            "clicks": clicks_to_records(state.clicks),
            "choices": list(state.choices),
            "scales": state.scales,
        }
        text = json.dumps(described, separators=(",", ":")).encode()
        with self._writing:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            is_new = not path.exists()
            write_atomically(path, lambda file: file.write(text))
            if is_new:
                self._clean(keep=path)

    def pending(self, scene: Scene, begins: str = "") -> Pending:
        """The saved states of a scene, of all persons whose name begins so; others are not read.

        Raises:
            ValueError: no person's name begins so.
        """
        if begins and _PERSON.fullmatch(begins) is None:
            raise ValueError(_no_name(begins))
        saved, messages = [], []
        for path in self.folder.glob(f"{scene.fingerprint}.{begins}*.json"):
            try:
                if time.time() - path.stat().st_mtime <= self._max_age:
                    saved.append(_read(path, scene))
            except FileNotFoundError:  # another server has just dropped it
                continue
            except (OSError, ValueError) as err:
                reason = printable(first_line(err), _MOST_MESSAGE)
                messages.append(f"the autosave {path.name} cannot be read and is passed over: {reason}")
        return Pending(sorted(saved, key=lambda item: -item.saved_at), messages)

    def discard(self, scene: Scene, person: str) -> None:
        """Drop this person's saved state of the scene, after an export or because it is not wanted; none is fine.

        Raises:
            ValueError: no name of a person.
            OSError: the system refuses.
        """
        with self._writing:
            self._path(scene, person).unlink(missing_ok=True)

    def _path(self, scene: Scene, person: str) -> Path:
        if _PERSON.fullmatch(person) is None:
            raise ValueError(_no_name(person))
        return self.folder / f"{scene.fingerprint}.{person}.json"

    def _clean(self, *, keep: Path) -> None:
        """Drop what is too old or too much, and pieces that a killed server left."""
        ages = {}
        for path in self.folder.iterdir():
            if path.suffix in (".json", ".tmp") and path != keep:
                try:
                    ages[path] = time.time() - path.stat().st_mtime
                except FileNotFoundError:  # another server has just dropped it
                    continue
        pieces = {path for path, age in ages.items() if path.suffix == ".tmp" and age > _DAY}
        whole = sorted((path for path in ages if path.suffix == ".json"), key=lambda path: ages[path])
        old = {path for path in whole if ages[path] > self._max_age}
        for path in pieces | old | set(whole[self._max_files - 1 :]):
            path.unlink(missing_ok=True)


def default_folder() -> Path:
    """point-sam/autosave in the user's cache: $XDG_CACHE_HOME, else ~/.cache."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    # As the XDG specification has it, a relative path there counts as none.
    home = Path(cache) if os.path.isabs(cache) else Path.home() / ".cache"
    return home / "point-sam" / "autosave"


def _no_name(person: str) -> str:
    return f"{person[:80]!r} is no name for an autosave; it takes 1 to 64 letters, digits, - or _"


def _read(path: Path, scene: Scene) -> Saved:
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise ValueError(f"it has {size:,} bytes; at most {_MOST_BYTES:,} are read")
    try:
        described = json.loads(path.read_bytes())
    except RecursionError as err:
        raise ValueError("it is no intact JSON") from err
    if not isinstance(described, dict) or described.get("format") != _FORMAT:
        raise ValueError(f"its format is not {_FORMAT!r}")
    cloud = described.get("cloud")
    if not isinstance(cloud, dict) or (cloud.get("points"), cloud.get("fingerprint")) != (
        len(scene),
        scene.fingerprint,
    ):
        raise ValueError("it is of another cloud than its name says")
    saved_at = described.get("saved_at")
    if not isinstance(saved_at, float):
        raise ValueError("it does not say when it was saved")
    scales = described.get("scales", "whole")  # which was all there was before it was kept
    if scales not in ("balls", "whole"):
        raise ValueError(f"its scales {str(scales)[:80]!r} are unknown")
    clicks = clicks_from_records(described.get("clicks"))
    return Saved(
        path=path,
        person=str(described.get("person")),
        saved_at=saved_at,
        objects=tuple(objects_from_records(described.get("objects"), len(scene))),
        clicks=clicks,
        choices=_choices(described.get("choices"), len(clicks)),
        scales=scales,
    )


def _choices(values: Any, count: int) -> tuple[int, ...]:
    """What was chosen after each click."""
    if not isinstance(values, list) or len(values) != count:
        raise ValueError("it does not say what was chosen after each click")
    if not all(type(value) is int and value >= 0 for value in values):
        raise ValueError(f"the choices {str(values)[:80]} do not exist")
    return tuple(values)
