"""What is done in one page to what is open there, once it is encoded."""

import time
from collections.abc import Callable, Collection
from concurrent.futures import CancelledError, Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from point_sam.messages import first_line
from point_sam.viewer.app import Viewer
from point_sam.viewer.autosave import Saved
from point_sam.viewer.exporting import COMPLETE, download
from point_sam.viewer.page_thread import PageThread
from point_sam.viewer.restoring import restore
from point_sam.viewer.ui_canvas import Canvas
from point_sam.viewer.ui_panel import Panel
from point_sam.viewer.workspace import Event, Workspace

if TYPE_CHECKING:
    from viser import ClientHandle


class _StoppedError(Exception):
    """Somebody pressed stop, or left."""


class Editor:
    """The actions of one page on its workspace. All but `stop` are called in the page's thread.

    Args:
        viewer: what all pages share.
        client: the tab.
        thread, panel, canvas: of the page.
        workspace: what is worked on.
        person: whose autosaves are made.
    """

    def __init__(
        self,
        viewer: Viewer,
        client: "ClientHandle",
        thread: PageThread,
        panel: Panel,
        canvas: Canvas,
        workspace: Workspace,
        person: str,
    ) -> None:
        self._viewer = viewer
        self._client = client
        self._thread = thread
        self._panel = panel
        self._canvas = canvas
        self.workspace = workspace
        self._person = person
        self._search: Future[Event] | None = None
        self._stopped = False
        self._saved: list[Saved] = []  # what is offered, the newest first
        panel.work(None)
        panel.show(workspace.state)

    @property
    def is_searching(self) -> bool:
        """Whether everything is being segmented: nothing else is done meanwhile."""
        return self._search is not None

    def click(self, ray: Any, *, shifted: bool) -> None:
        """Ask the model about the point under the pointer."""
        positive = self._panel.positive and not shifted
        point = self._canvas.pick(ray.ray_origin, ray.ray_direction)
        start = time.perf_counter()
        event = self._ask_model(lambda: self.workspace.click(point, positive))
        self._after(event, model=f"{time.perf_counter() - start:.4f}")

    def do(self, action: Callable[[Workspace], Event]) -> None:
        """Do what does not ask the model."""
        self._after(action(self.workspace))

    def accept(self) -> None:
        """As `Workspace.accept`; the next click is on the next object."""
        self.do(Workspace.accept)
        self._panel.switch(True)

    def rename(self) -> None:
        """Give the chosen object the name that is typed."""
        self.do(lambda workspace: workspace.rename(self._chosen(), self._panel.name.value))

    def toggle(self) -> None:
        """Show or hide the chosen object."""
        self.do(lambda workspace: workspace.toggle(self._chosen()))

    def delete(self) -> None:
        """Drop the chosen object."""
        self.do(lambda workspace: workspace.delete(self._chosen()))

    def show_name(self) -> None:
        """Put the name of the chosen object where it can be changed."""
        names = {item.id: item.name for item in self.workspace.state.objects}
        self._panel.name.value = names.get(self._panel.object_id or 0, "")

    def redraw(self) -> None:
        """Draw what is there as the panel now says."""
        self._canvas.show(self.workspace.state, self._panel.look)

    def everything(self) -> None:
        """Begin to segment everything."""
        self._stopped = False
        self._search = self._viewer.work.submit(
            lambda: self.workspace.everything(self._progress), owner=self._client.client_id, long=True
        )
        self._panel.work(0.0, can_stop=True)
        self._panel.tell("Segmenting everything", "busy")
        self._search.add_done_callback(lambda done: self._thread.do(partial(self._found, done)))

    def stop(self) -> None:
        """End the search; from any thread."""
        self._stopped = True
        search = self._search
        if search is not None:
            search.cancel()  # where it has not begun; else its next progress ends it

    def export(self) -> None:
        """Send the objects to the browser."""
        scene, state = self.workspace.scene, self.workspace.state
        if not state.objects:
            raise ValueError("there is no object yet; accept one first")
        name, content, remarks = download(scene, state.objects, self._panel.format.value)
        self._client.send_file_download(name, content, save_immediately=True)
        if state.clicks:
            remarks.append("the clicks that are not accepted are not in it")
        elif Path(name).suffix in COMPLETE:
            self._viewer.autosave.discard(scene, self._person)
        self._panel.tell("; ".join([f"Exported {name}", *remarks]), "ready")

    def restore(self, path: Path) -> None:
        """Add the objects of a result."""
        objects = restore(self.workspace.scene, path)
        self.do(lambda workspace: workspace.add(objects))

    def look_for_saved(self, whose: str, at_work: Collection[str]) -> list[str]:
        """Offer what is kept of this scene.

        Args:
            whose: how the names of the browser's persons begin.
            at_work: persons whose work goes on in a page.

        Returns:
            What to tell about autosaves that cannot be read.
        """
        found = self._viewer.autosave.pending(self.workspace.scene, whose)
        self._saved = [saved for saved in found.saved if saved.person not in at_work]
        self._panel.offer(self._saved)
        return found.messages

    def resume(self) -> None:
        """Go on with the newest of what is offered."""
        if self._saved:
            self._after(self._ask_model(partial(self._resume, self._saved[0])))
            self._drop_saved()

    def discard(self) -> None:
        """Throw the newest of what is offered away."""
        if self._saved:
            self._drop_saved()
            self._panel.tell("Thrown away", "ready")

    def _resume(self, saved: Saved) -> Event:
        try:
            return self.workspace.resume(saved.objects, saved.clicks, saved.choices, saved.scales)
        except ValueError as err:  # another model has other candidates
            event = self.workspace.resume(saved.objects, (), (), saved.scales)
            return Event(f"{event.message}; those that were saved cannot be made again: {first_line(err)}")

    def _ask_model(self, call: Callable[[], Event]) -> Event:
        if self._viewer.work.busy:
            self._panel.tell("Waiting for the model, which works for somebody else", "busy")
        return self._viewer.work.submit(call, owner=self._client.client_id).result()

    def _after(self, event: Event, **facts: Any) -> None:
        """Show what an action did, and keep it."""
        if event.changed:
            state = self.workspace.state
            start = time.perf_counter()
            self.redraw()
            self._client.flush()
            facts["paint"] = f"{time.perf_counter() - start:.4f}"
            self._panel.show(state)
            self._viewer.autosave.save(self.workspace.scene, self._person, state)
        self._panel.tell(event.message, "ready", **facts)

    def _chosen(self) -> int:
        chosen = self._panel.object_id
        if chosen is None:
            raise ValueError("there is no object yet; accept one first")
        return chosen

    def _progress(self, done: int, total: int) -> None:
        if self._stopped:
            raise _StoppedError
        self._panel.work(done / max(total, 1), can_stop=True)
        self._viewer.work.give_way(self._client.client_id)

    def _found(self, done: "Future[Event]") -> None:
        self._search = None
        self._panel.work(None)
        try:
            self._after(done.result())
        except (_StoppedError, CancelledError):
            self._panel.tell("Stopped; nothing has changed", "ready")

    def _drop_saved(self) -> None:
        self._viewer.autosave.discard(self.workspace.scene, self._saved.pop(0).person)
        self._panel.offer(self._saved)
