"""What people have done, kept on disk after each change, so that a dropped tab or a killed server loses nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from point_sam.session import Click
from point_sam.viewer.objects import SegmentedObject
from point_sam.viewer.scene import Scene
from point_sam.viewer.workspace import State

MAX_FILES = 200
MAX_AGE_DAYS = 30.0


@dataclass(frozen=True, eq=False)
class Saved:
    """One saved state.

    Attributes:
        path: its file.
        person: whose.
        scene_name: of the file that was open.
        saved_at: seconds since 1970.
        objects, clicks, choices: for `Workspace.resume`.
    """

    path: Path
    person: str
    scene_name: str
    saved_at: float
    objects: tuple[SegmentedObject, ...]
    clicks: tuple[Click, ...]
    choices: tuple[int, ...]


class Pending(NamedTuple):
    """Saved states, the newest first, and what to tell about files that could not be read."""

    saved: list[Saved]
    messages: list[str]


class Autosave:
    """A folder of saved states, one for each person and cloud. Threads may share it.

    Args:
        folder: made when needed, for its owner alone; None takes `default_folder()`.
        max_files: the oldest beyond so many go.
        max_age_days: older ones go.
    """

    def __init__(
        self, folder: Path | None = None, *, max_files: int = MAX_FILES, max_age_days: float = MAX_AGE_DAYS
    ) -> None:
        raise NotImplementedError

    def save(self, scene: Scene, person: str, state: State) -> None:
        """Write a state, complete or not at all, in place of this person's last one; nothing to save removes that.

        Args:
            scene: what it is of.
            person: 1 to 64 letters, digits, - or _.
            state: of the workspace.

        Raises:
            ValueError: another person's name.
            OSError: the system refuses.
        """
        raise NotImplementedError

    def pending(self, scene: Scene, person: str | None = None) -> Pending:
        """The saved states of a scene, of one person or of all."""
        raise NotImplementedError

    def discard(self, scene: Scene, person: str) -> None:
        """Drop this person's saved state of the scene, after an export or because it is not wanted; none is fine."""
        raise NotImplementedError


def default_folder() -> Path:
    """point-sam/autosave in the user's cache: $XDG_CACHE_HOME, else ~/.cache."""
    raise NotImplementedError
