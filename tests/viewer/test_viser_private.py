"""That viser has what is used of it, and what a browser sends as an upload, without a browser."""

import ast
import importlib.metadata
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import viser
import viser._messages as messages

import point_sam.viewer
from point_sam.viewer import viser_private
from point_sam.viewer.server import listen, start, stop
from point_sam.viewer.viser_private import MEMBERS, VERSIONS, check_version, limit_uploads

LIMIT = 1_000_000


@pytest.fixture(scope="module")
def owners() -> Iterator[SimpleNamespace]:
    with listen("127.0.0.1", 0) as bound:
        server = start(bound)
        yield SimpleNamespace(viser=viser, gui=server.gui, button=server.gui.add_upload_button("a"))
        stop(server)


@pytest.mark.parametrize("member", MEMBERS)
def test_viser_has_it(owners: SimpleNamespace, member: str) -> None:
    try:
        attrgetter(member)(owners)
    except AttributeError:
        pytest.fail(f"viser {viser.__version__} has no {member}; the viewer needs viser {VERSIONS}")


def test_uploads_are_counted_under_these_names() -> None:
    assert set(viser._gui_api._FileUploadState.__annotations__) >= {"transferred_bytes", "total_bytes"}


def test_a_version_that_lacks_a_member_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viser_private, "MEMBERS", (*MEMBERS, "gui._no_such_member"))
    told = rf"^viser {viser.__version__} has no gui\._no_such_member; the viewer needs viser >=1\.1,<1\.2$"
    with listen("127.0.0.1", 0) as bound, pytest.raises(RuntimeError, match=told):
        start(bound)


def test_a_version_that_listens_another_way_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"does not listen through websockets\.asyncio\.server\.serve"):
        check_version(SimpleNamespace(), served=[])


def test_the_versions_are_those_of_the_extra() -> None:
    wanted = importlib.metadata.requires("point-sam") or []
    ours = {line.partition(";")[0].strip() for line in wanted if line.startswith("viser")}
    assert [set(line.removeprefix("viser").split(",")) for line in ours] == [set(VERSIONS.split(","))]


def test_no_other_file_uses_private_members_of_others() -> None:
    users = set()
    for path in Path(point_sam.viewer.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            owner = ast.unparse(node.value) if isinstance(node, ast.Attribute) else "self"
            imported = [name.name for name in node.names] if isinstance(node, ast.ImportFrom) else []
            if owner != "self" and node.attr.startswith("_") and not node.attr.startswith("__"):
                users.add(path.name)
            if any(name.startswith("_") for name in imported):
                users.add(path.name)
    assert users == {"viser_private.py"}


class Connection:
    """Handlers by message, as viser keeps them, and what was sent."""

    def __init__(self) -> None:
        self.handlers: dict[type, Any] = {}
        self.sent: list[Any] = []

    def register_handler(self, kind: type, handler: Any) -> None:
        self.handlers[kind] = handler

    def unregister_handler(self, kind: type, handler: Any) -> None:
        assert self.handlers.pop(kind) == handler

    def queue_message(self, message: Any) -> None:
        self.sent.append(message)


class Gui:
    """viser's part in an upload: it keeps whatever comes."""

    def __init__(self) -> None:
        self._current_file_upload_states: dict[str, dict[str, Any]] = {}

    def _handle_file_transfer_start(self, client_id: int, message: Any) -> None:
        self._current_file_upload_states[message.transfer_uuid] = {
            "parts": [],
            "transferred_bytes": 0,
            "total_bytes": message.size_bytes,
        }

    def _handle_file_transfer_part(self, client_id: int, message: Any) -> None:
        state = self._current_file_upload_states[message.transfer_uuid]
        state["parts"].append(message.content)
        state["transferred_bytes"] += len(message.content)


class Browser:
    """Sends uploads, hears refusals."""

    def __init__(self) -> None:
        self.connection, self.gui, self.refused = Connection(), Gui(), []
        start, part = self.gui._handle_file_transfer_start, self.gui._handle_file_transfer_part
        self.connection.register_handler(messages.FileTransferStartUpload, start)
        self.connection.register_handler(messages.FileTransferPart, part)
        self.gui._websock_interface = self.connection
        limit_uploads(SimpleNamespace(gui=self.gui), LIMIT, self.refused.append)

    def start(self, size: int, parts: int, name: str = "first") -> None:
        message = messages.FileTransferStartUpload("button", name, "a.ply", "", parts, size)
        self.connection.handlers[messages.FileTransferStartUpload](0, message)

    def send(self, content: bytes, name: str = "first") -> None:
        message = messages.FileTransferPart("button", name, 0, content)
        self.connection.handlers[messages.FileTransferPart](0, message)

    def kept(self) -> int:
        states = self.gui._current_file_upload_states.values()
        return sum(len(part) for state in states for part in state["parts"])


@pytest.fixture
def browser() -> Browser:
    return Browser()


def test_an_upload_at_the_limit_is_kept(browser: Browser) -> None:
    browser.start(LIMIT, 2)
    browser.send(bytes(LIMIT // 2))
    browser.send(bytes(LIMIT // 2))
    assert browser.kept() == LIMIT
    assert not browser.refused


@pytest.mark.parametrize(("size", "parts"), [(LIMIT + 1, 2), (10**15, 10**9), (-1, 0)])
def test_a_larger_one_is_refused_before_its_first_byte(browser: Browser, size: int, parts: int) -> None:
    browser.start(size, parts)
    browser.send(bytes(1000))
    assert browser.kept() == 0
    assert "the limit is 1.0 MB" in browser.refused[0]


def test_the_page_is_told_to_stop_waiting(browser: Browser) -> None:
    browser.start(LIMIT + 1, 2)
    hidden, done = browser.connection.sent
    assert hidden.uuid == "upload-first"
    assert done.transferred_bytes == done.total_bytes


def test_one_that_sends_more_than_it_said_is_dropped(browser: Browser) -> None:
    browser.start(1000, 1)
    browser.send(bytes(600))
    browser.send(bytes(600))
    assert browser.kept() == 0
    assert browser.refused == ["the upload sent more than it announced"]


def test_more_parts_than_bytes_are_no_upload(browser: Browser) -> None:
    browser.start(1000, 500)
    assert browser.refused


def test_a_second_upload_takes_the_place_of_the_first(browser: Browser) -> None:
    browser.start(LIMIT, 2)
    browser.send(bytes(LIMIT // 2))
    browser.start(1000, 1, "second")
    browser.send(bytes(LIMIT // 2))
    browser.send(bytes(1000), "second")
    assert browser.kept() == 1000
