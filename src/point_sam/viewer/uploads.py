"""Uploads of one browser, with a limit: viser collects whatever is sent, in memory."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from point_sam.viewer.paths import safe_name

if TYPE_CHECKING:
    from viser import ClientHandle

_PART = 64 << 10  # bytes; viser's page sends 512 KiB at a time, and more parts than this asks for are no upload


def limit_uploads(client: "ClientHandle", max_bytes: int, on_refused: Callable[[str], Any]) -> None:
    """Refuse larger uploads before their first byte is kept, and those that send more than they said.

    One upload at a time: a second one takes the place of one that has not ended.

    Args:
        client: before it has any upload button.
        max_bytes: of one file.
        on_refused: told why, in the event loop.
    """
    from viser import _messages

    connection, gui = client._websock_connection, client.gui
    start, part = gui._handle_file_transfer_start, gui._handle_file_transfer_part
    connection.unregister_handler(_messages.FileTransferStartUpload, start)
    connection.unregister_handler(_messages.FileTransferPart, part)

    def refuse(message: Any, reason: str) -> None:
        transfer = message.transfer_uuid
        gui._current_file_upload_states.pop(transfer, None)
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
            gui._current_file_upload_states.clear()
            start(client_id, message)

    def guarded_part(client_id: Any, message: Any) -> None:
        state = gui._current_file_upload_states.get(message.transfer_uuid)
        if state is None:
            return
        if state["transferred_bytes"] + len(message.content) > state["total_bytes"]:
            refuse(message, "the upload sent more than it announced")
        else:
            part(client_id, message)

    connection.register_handler(_messages.FileTransferStartUpload, guarded_start)
    connection.register_handler(_messages.FileTransferPart, guarded_part)


@contextmanager
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
