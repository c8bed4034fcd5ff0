"""Earlier work on what is open, offered to the browser that did it."""

import re
import secrets
from collections.abc import Collection
from typing import TYPE_CHECKING

from point_sam.viewer.autosave import Autosave, Saved
from point_sam.viewer.scene import Scene

if TYPE_CHECKING:
    from viser import ClientHandle

_BROWSER = "point_sam_browser"  # the key in the browser's local storage
_ANSWER_SECONDS = 5.0  # for a browser to tell its storage


class Offer:
    """What one browser has not finished.

    Args:
        autosave: where it is kept.
        browser: whose; letters and digits.

    Attributes:
        saved: what is offered, the newest first.
    """

    def __init__(self, autosave: Autosave, browser: str) -> None:
        self._autosave = autosave
        self.browser = browser
        self.saved: list[Saved] = []

    def new_person(self) -> str:
        """A name for work that begins: autosaves of it take the place of none that is offered."""
        return f"{self.browser}-{secrets.token_hex(4)}"

    def look(self, scene: Scene, busy: Collection[str]) -> list[str]:
        """Look for what is kept of a scene.

        Args:
            scene: what is open.
            busy: persons whose work goes on in a page.

        Returns:
            What to tell about autosaves that cannot be read.
        """
        found = self._autosave.pending(scene, f"{self.browser}-")
        self.saved = [saved for saved in found.saved if saved.person not in busy]
        return found.messages

    def drop(self, scene: Scene) -> None:
        """Throw the newest away."""
        self._autosave.discard(scene, self.saved.pop(0).person)


def browser_of(client: "ClientHandle") -> str:
    """Who this is: a random number that the browser keeps, so that its work is offered to it and nobody else."""
    try:
        known = client.local_storage.get_item(_BROWSER, timeout=_ANSWER_SECONDS)
    except (RuntimeError, TimeoutError):  # it keeps nothing, or is gone
        known = None
    if not isinstance(known, str) or not re.fullmatch("[0-9a-f]{24}", known):
        known = secrets.token_hex(12)
        client.local_storage.set_item(_BROWSER, known)
    return known
