import string
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets import Headers

from point_sam.viewer.security import MIN_TOKEN, Gate, check_token, is_loopback

TOKEN = "correct-horse-battery"
HERE = "127.0.0.1:8080"
SENDABLE = string.ascii_letters + string.digits + string.punctuation + " "


def headers(host: str | None = HERE, **values: str) -> Headers:
    named = {} if host is None else {"Host": host}
    return Headers({**named, **values})


def websocket(host: str = HERE, **values: str) -> Headers:
    return headers(host, Upgrade="websocket", Connection="Upgrade", **values)


def status(gate: Gate, path: str, sent: Headers) -> HTTPStatus | None:
    refusal = gate.check(path, sent)
    return None if refusal is None else refusal.status


@pytest.mark.parametrize("host", [HERE, "localhost:8080", "LOCALHOST:9000", "[::1]:8080", "127.8.8.8"])
def test_names_of_this_machine_are_served(host: str) -> None:
    assert status(Gate(loopback=True), "/", headers(host)) is None


@pytest.mark.parametrize(
    "host", ["evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.0.1"]
)
def test_a_foreign_name_for_this_machine_is_refused(host: str) -> None:
    assert status(Gate(loopback=True), "/", headers(host)) is HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("host", ["", "a b", "a;b", "a/b", "localhost:x", "localhost:99999", "user@localhost"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    assert status(Gate(loopback=True), "/", headers(host)) is not None


def test_one_host_must_be_named() -> None:
    twice = headers()
    twice["Host"] = "localhost"
    assert status(Gate(loopback=True), "/", headers(None)) is HTTPStatus.BAD_REQUEST
    assert status(Gate(loopback=True), "/", twice) is HTTPStatus.BAD_REQUEST


def test_a_websocket_of_the_own_page_is_served() -> None:
    assert status(Gate(loopback=True), "/", websocket(Origin=f"http://{HERE}")) is None


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://localhost:8080", "http://127.0.0.1:8081", f"ftp://{HERE}", "null", "", f"{HERE}"],
)
def test_a_websocket_of_another_origin_is_refused(origin: str) -> None:
    assert status(Gate(loopback=True), "/", websocket(Origin=origin)) is HTTPStatus.FORBIDDEN


def test_a_websocket_without_an_origin_is_refused() -> None:
    assert status(Gate(loopback=True), "/", websocket()) is HTTPStatus.FORBIDDEN


def test_a_second_origin_does_not_help() -> None:
    sent = websocket(Origin=f"http://{HERE}")
    sent["Origin"] = "http://evil.example"
    assert status(Gate(loopback=True), "/", sent) is HTTPStatus.FORBIDDEN


def test_a_connection_too_many_is_refused() -> None:
    open_now = 2
    gate = Gate(loopback=True, max_connections=3, connections=lambda: open_now)
    assert status(gate, "/", websocket(Origin=f"http://{HERE}")) is None
    open_now = 3
    assert status(gate, "/", websocket(Origin=f"http://{HERE}")) is HTTPStatus.SERVICE_UNAVAILABLE
    assert status(gate, "/", headers()) is None  # the page itself costs nothing for long


@pytest.mark.parametrize(
    "path", ["/", "/?token=", "/?token=wrong", f"/?token={TOKEN}x", f"/?token={TOKEN[:-1]}", "/?x&"]
)
def test_without_the_token_nothing_is_served(path: str) -> None:
    gate = Gate(loopback=False, token=TOKEN)
    assert status(gate, path, headers("lab.example:8080")) is HTTPStatus.UNAUTHORIZED
    assert status(gate, path, websocket(Origin=f"http://{HERE}")) is HTTPStatus.UNAUTHORIZED


def test_the_token_in_the_address_gives_a_cookie_that_opens_the_websocket() -> None:
    gate = Gate(loopback=False, token=TOKEN)
    first = headers("lab.example:8080")
    assert status(gate, f"/?token={TOKEN}", first) is None
    given_cookie = gate.response_headers(f"/?token={TOKEN}", first)["Set-Cookie"]
    cookie = given_cookie.partition(";")[0]
    assert "HttpOnly" in given_cookie
    assert TOKEN not in given_cookie
    sent = websocket("lab.example:8080", Origin="http://lab.example:8080", Cookie=f"other=1; {cookie}")
    assert status(gate, "/", sent) is None
    assert status(Gate(loopback=False, token=TOKEN[::-1]), "/", sent) is HTTPStatus.UNAUTHORIZED


@given(st.text(max_size=30), st.text(SENDABLE, max_size=30), st.text(SENDABLE, max_size=30))
def test_whatever_is_sent_is_answered_and_never_served_without_the_token(path: str, origin: str, cookie: str) -> None:
    sent = Headers({"Host": HERE, "Upgrade": "websocket", "Origin": origin, "Cookie": cookie})
    assert status(Gate(loopback=True, token=TOKEN), "/?" + path, sent) is HTTPStatus.UNAUTHORIZED


def test_the_page_may_connect_to_this_server_only() -> None:
    policy = Gate(loopback=True).response_headers("/", headers())["Content-Security-Policy"]
    assert f"connect-src 'self' data: blob: ws://{HERE} wss://{HERE};" in policy
    assert "frame-ancestors 'none'" in policy


def test_a_token_is_needed_where_others_can_connect() -> None:
    assert check_token(None, loopback=True) is None
    with pytest.raises(ValueError, match="--token is needed"):
        check_token(None, loopback=False)


@pytest.mark.parametrize("token", ["", "x" * (MIN_TOKEN - 1), "é" * MIN_TOKEN, "a\nb" * MIN_TOKEN])
def test_a_poor_token_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match=str(MIN_TOKEN)):
        check_token(token, loopback=True)


def test_auto_makes_a_new_token_each_time() -> None:
    first, second = check_token("auto", loopback=False), check_token("auto", loopback=False)
    assert first != second
    assert len(first or "") >= 2 * MIN_TOKEN


def test_loopback_is_told_from_the_rest() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("example.org")
