"""The server as a program talks to it, without a browser."""

import asyncio
import http.client
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec
import pytest
import viser
import viser._messages
from websockets import Headers
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from point_sam.viewer.security import Gate
from point_sam.viewer.server import address_of, listen, start, stop, url_of
from point_sam.viewer.viser_private import MAX_MESSAGE

TOKEN = "correct-horse-battery"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with listen("127.0.0.1", 0) as bound:
        server = start(bound, max_connections=60)
        yield address_of(bound)[1]
        stop(server)


def get(port: int, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def websocket(port: int, *, origin: str | None = None, **options: object) -> connect:
    protocols = [f"viser-v{viser.__version__}"]
    return connect(f"ws://127.0.0.1:{port}/", origin=origin, subprotocols=protocols, max_size=None, **options)


async def hello(port: int, origin: str | None) -> bytes:
    async with websocket(port, origin=origin) as connection:
        return await asyncio.wait_for(connection.recv(), 30)


def test_the_page_is_served_with_its_rules(port: int) -> None:
    answer, body = get(port, "/")
    assert answer.status == 200
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert b"<html" in body[:2000].lower()


@pytest.mark.parametrize(
    "path", ["/../../../../etc/passwd", "/%2e%2e/%2e%2e/setup.py", "/..%5c..%5csetup.py", "//etc/passwd"]
)
def test_no_path_leads_out_of_the_page(port: int, path: str) -> None:
    assert get(port, path)[0].status == 404


def test_a_foreign_host_name_is_refused(port: int) -> None:
    assert get(port, "/", Host=f"evil.example:{port}")[0].status == 403


@pytest.mark.parametrize("origin", ["http://evil.example", None, "http://localhost:1"])
def test_a_foreign_page_gets_no_websocket(port: int, origin: str | None) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        asyncio.run(hello(port, origin))


def test_the_own_page_gets_one(port: int) -> None:
    assert asyncio.run(hello(port, f"http://127.0.0.1:{port}"))


def test_fifty_at_once_are_served_and_too_many_refused(port: int) -> None:
    async def crowd() -> tuple[int, int]:
        answers = [websocket(port, origin=f"http://127.0.0.1:{port}") for _ in range(70)]
        joined = await asyncio.gather(*(answer.__aenter__() for answer in answers), return_exceptions=True)
        served = [connection for connection in joined if not isinstance(connection, BaseException)]
        greeted = await asyncio.gather(*(asyncio.wait_for(connection.recv(), 60) for connection in served))
        await asyncio.gather(*(connection.close() for connection in served))
        refused = [error for error in joined if isinstance(error, InvalidStatus) and error.response.status_code == 503]
        return len(greeted), len(refused)

    assert asyncio.run(crowd()) == (60, 10)
    for _ in range(100):  # the server notices one after the other that they have left
        try:
            assert asyncio.run(hello(port, f"http://127.0.0.1:{port}"))
            return
        except InvalidStatus:
            get(port, "/")
    pytest.fail("nobody is served any more")


def test_garbage_and_large_messages_end_their_own_connection_only(port: int) -> None:
    async def send(message: bytes) -> None:
        # Without closing it: where the server has ended a connection, closing races within the client's library.
        connection = await websocket(port, origin=f"http://127.0.0.1:{port}")
        await connection.send(message)
        while True:
            await asyncio.wait_for(connection.recv(), 30)

    unknown = msgspec.msgpack.encode({"type": "NoSuchMessage"})
    for message in (b"\xff", unknown, bytes(MAX_MESSAGE + 1)):
        with pytest.raises(ConnectionClosed):
            asyncio.run(send(message))
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(b"\x16\x03\x01 this is no request\r\n\r\n")
    assert get(port, "/")[0].status == 200


def test_nobody_can_ask_for_a_public_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    monkeypatch.setattr("viser._viser.ViserTunnel", opened.append)
    with listen("127.0.0.1", 0) as bound:
        server = start(bound)
        for kind in (viser._messages.ShareUrlRequest, viser._messages.ShareUrlDisconnect):
            for asked in server._websock_server._incoming_handlers[kind]:
                asked(0, kind())
        server._thread_executor.shutdown(wait=True)
        assert server.request_share_url() is None
        stop(server)
    assert not opened


def test_the_token_opens_page_and_websocket_and_its_lack_neither() -> None:
    async def enter(port: int, cookie: str) -> bytes:
        headers = {"Cookie": cookie}
        async with websocket(port, origin=f"http://127.0.0.1:{port}", additional_headers=headers) as connection:
            return await asyncio.wait_for(connection.recv(), 30)

    with listen("127.0.0.1", 0) as bound:
        server = start(bound, token=TOKEN)
        port = address_of(bound)[1]
        assert url_of(bound, TOKEN).endswith(f"/?token={TOKEN}")
        assert get(port, "/")[0].status == 401
        assert get(port, "/?token=guess")[0].status == 401
        page, _ = get(port, f"/?token={TOKEN}")
        assert page.status == 200
        cookie = page.headers["Set-Cookie"].partition(";")[0]
        assert asyncio.run(enter(port, cookie))
        with pytest.raises(InvalidStatus, match="401"):
            asyncio.run(enter(port, "point_sam=guess"))
        stop(server)


def test_a_taken_port_is_told() -> None:
    with listen("127.0.0.1", 0) as bound, pytest.raises(OSError, match=r"is taken; give another --port"):
        listen("127.0.0.1", address_of(bound)[1])


def test_a_name_that_is_none_is_told() -> None:
    with pytest.raises(OSError, match="not a host of this machine"):
        listen("no such host", 0)


@pytest.mark.parametrize("token", [TOKEN, "a+b c#d&e=f%20?/;,~", " " * 16, "token=token&token"])
def test_the_printed_address_holds_the_token_whatever_is_in_it(token: str) -> None:
    with listen("127.0.0.1", 0) as bound:
        url = urlsplit(url_of(bound, token))
    sent = Headers({"Host": url.netloc})
    assert url.fragment == ""
    assert Gate(True, token).check(f"{url.path}?{url.query}", sent) is None
    assert Gate(True, token + "x").check(f"{url.path}?{url.query}", sent) is not None


def test_the_printed_address_can_be_opened() -> None:
    with listen("0.0.0.0", 0) as bound:
        assert url_of(bound).startswith("http://localhost:")
    with listen("127.0.0.1", 0) as bound:
        assert url_of(bound) == f"http://127.0.0.1:{address_of(bound)[1]}/"
