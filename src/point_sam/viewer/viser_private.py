"""All that the viewer uses of viser beside its documented interface, which has no setting for any of it.

viser listens on a port of its own choice, through `websockets.asyncio.server.serve`, without any guard, and it
collects whatever is uploaded, in memory.
"""

import contextlib
import logging
import socket
import tempfile
import threading
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

from point_sam.viewer.paths import safe_name
from point_sam.viewer.security import Gate

if TYPE_CHECKING:
    from viser import ClientHandle, ViserServer

VERSIONS = ">=1.1,<1.2"  # of viser, as the extra `viewer` asks for
MEMBERS = (
    "viser._messages.FileTransferPart",
    "viser._messages.FileTransferPartAck",
    "viser._messages.FileTransferStartUpload",
    "viser._messages.RemoveNotificationMessage",
    "gui._current_file_upload_states",
    "gui._handle_file_transfer_part",
    "gui._handle_file_transfer_start",
    "gui._websock_interface.queue_message",
    "gui._websock_interface.register_handler",
    "gui._websock_interface.unregister_handler",
    "button._impl.value",
)
MAX_MESSAGE = 4 << 20  # bytes from a browser; uploads come in parts of 512 KiB
_PART = 64 << 10  # bytes; viser's page sends 512 KiB at a time, and more parts than this asks for are no upload
_STARTING = threading.Lock()


@contextlib.contextmanager
def guarded(bound: socket.socket, gate: Gate) -> Iterator[list[Gate]]:
    """While this is open, whatever websockets serves listens on `bound` and asks `gate`; the list tells what did."""
    import websockets.asyncio.server as websockets_server

    original = websockets_server.serve
    served: list[Gate] = []

    def serve(handler: Callable[[Any], Awaitable[None]], host: Any, port: Any, **options: Any) -> Any:
        if served:
            raise RuntimeError("one socket serves one server")
        open_now: set[Any] = set()
        guard = replace(gate, connections=lambda: len(open_now))

        async def handle(connection: Any) -> None:
            open_now.add(connection)
            try:
                await handler(connection)
            finally:
                open_now.discard(connection)

        answer = options.pop("process_request")

        def process_request(connection: Any, request: Any) -> Any:
            refusal = guard.check(request.path, request.headers)
            if refusal is not None:
                return connection.respond(refusal.status, f"{refusal.reason}\n")
            return answer(connection, request)

        def process_response(connection: Any, request: Any, response: Any) -> None:
            if response.status_code < 400:
                for name, value in guard.response_headers(request.path, request.headers).items():
                    response.headers[name] = value

        options |= {"max_size": MAX_MESSAGE, "logger": _logger()}
        served.append(guard)
        return original(
            handle, sock=bound, process_request=process_request, process_response=process_response, **options
        )

    with _STARTING:
        websockets_server.serve = serve  # type: ignore[assignment, misc]
        try:
            yield served
        finally:
            websockets_server.serve = original  # type: ignore[misc]


def check_version(server: "ViserServer", served: Collection[Gate]) -> None:
    """Refuse a version of viser that cannot be guarded, or lacks what is used here, rather than serve with it.

    Args:
        server: as started within `guarded`.
        served: what `guarded` told.

    Raises:
        RuntimeError: it names what is missing, and the versions that have it.
    """
    import viser

    def refuse(lack: str) -> NoReturn:
        raise RuntimeError(f"viser {viser.__version__} {lack}; the viewer needs viser {VERSIONS}")

    if not served:
        refuse("does not listen through websockets.asyncio.server.serve and cannot be guarded")
    button = server.gui.add_upload_button("", visible=False)
    owners = SimpleNamespace(viser=viser, gui=server.gui, button=button)
    for member in MEMBERS:
        try:
            attrgetter(member)(owners)
        except AttributeError:
            refuse(f"has no {member}")
    button.remove()


def limit_uploads(client: "ClientHandle", max_bytes: int, on_refused: Callable[[str], Any]) -> None:
    """Refuse larger uploads before their first byte is kept, and those that send more than they said.

    One upload at a time: a second one takes the place of one that has not ended.

    Args:
        client: before it has any upload button.
        max_bytes: of one file.
        on_refused: told why, in the event loop.
    """
    from viser import _messages

    gui = client.gui
    connection, uploads = gui._websock_interface, gui._current_file_upload_states
    start, part = gui._handle_file_transfer_start, gui._handle_file_transfer_part

    def refuse(message: Any, reason: str) -> None:
        transfer = message.transfer_uuid
        uploads.pop(transfer, None)
        # viser's page shows its progress under this name and waits for the last part; else it would for ever.
        connection.queue_message(_messages.RemoveNotificationMessage(f"upload-{transfer}"))
        connection.queue_message(_messages.FileTransferPartAck(message.source_component_uuid, transfer, 1, 1))
        on_refused(reason)

    def guarded_start(client_id: Any, message: Any) -> None:
        size, count = int(message.size_bytes), int(message.part_count)
        if not 0 <= size <= max_bytes:
            refuse(message, f"the file has {_megabytes(size)}; the limit is {_megabytes(max_bytes)}")
        elif not 0 <= count <= size // _PART + 1:
            refuse(message, "the upload is damaged; try again")
        else:
            uploads.clear()
            start(client_id, message)

    def guarded_part(client_id: Any, message: Any) -> None:
        state = uploads.get(message.transfer_uuid)
        if state is None:
            return
        if state["transferred_bytes"] + len(message.content) > state["total_bytes"]:
            refuse(message, "the upload sent more than it announced")
        else:
            part(client_id, message)

    exchanged: tuple[tuple[Any, Any, Any], ...] = (
        (_messages.FileTransferStartUpload, start, guarded_start),
        (_messages.FileTransferPart, part, guarded_part),
    )
    for kind, theirs, ours in exchanged:
        connection.unregister_handler(kind, theirs)
        connection.register_handler(kind, ours)


@contextlib.contextmanager
def received(button: Any) -> Iterator[Path]:
    """What was uploaded with a button of viser's, as a file for as long as this is open."""
    upload = button.value
    button._impl.value = type(upload)("", b"")  # viser would keep the bytes as long as the page lives
    with tempfile.TemporaryDirectory(prefix="point-sam-upload-") as folder:
        path = Path(folder) / safe_name(str(upload.name))
        path.write_bytes(upload.content)
        yield path


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _logger() -> logging.Logger:
    """Broken requests are others' mistakes: not worth a line each, and no traceback on the terminal."""
    logger = logging.getLogger("point_sam.viewer.websockets")
    logger.setLevel(logging.CRITICAL)
    return logger
