"""Several people and tabs on one server, and what is kept when a tab or the server goes."""

import asyncio
import re
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
import viser
from websockets.asyncio.client import connect


def test_two_tabs_keep_their_own_state(server: Any, open_tab: Callable[..., Any]) -> None:
    first, second = open_tab(server.url), open_tab(server.url)
    for tab in (first, second):
        tab.wait(state="ready")
    clicked = first.act(lambda: first.page.mouse.click(*first.nearest()), clicks=1)
    assert second.facts()["clicks"] == "0"

    other = second.act(lambda: second.page.mouse.click(*second.lowest()), clicks=1)
    second.key("Enter", objects=1)
    assert other["area"] != clicked["area"]
    assert (first.facts()["clicks"], first.facts()["area"], first.facts()["objects"]) == ("1", clicked["area"], "0")
    first.screenshot("8_first_tab")
    second.screenshot("8_second_tab")
    first.close()
    second.close()


def test_a_dropped_tab_and_a_killed_server_lose_nothing(
    serve: Callable[..., Any], open_tab: Callable[..., Any], sample: Path
) -> None:
    server = serve(str(sample), "--port", "0")
    tab = open_tab(server.url)
    context = tab.page.context
    tab.wait(state="ready")
    accepted = tab.act(lambda: tab.page.mouse.click(*tab.nearest()), clicks=1)
    tab.key("Enter", objects=1)
    current = tab.act(lambda: tab.page.mouse.click(*tab.lowest()), clicks=1)

    tab.page.close()
    tab = open_tab(server.url, context=context)
    tab.wait(state="ready")
    assert re.search("1 object, 1 click", tab.page.inner_text("#point-sam-saved"))
    tab.screenshot("9_offered")
    assert tab.press("Go on with it", objects=1, clicks=1)["area"] == current["area"]
    tab.page.wait_for_selector("#point-sam-saved", state="detached")

    server.end(signal.SIGKILL)
    server = serve(str(sample), "--port", str(server.port))
    stranger = open_tab(server.url)
    stranger.wait(state="ready")
    assert stranger.page.locator("#point-sam-saved").count() == 0, "another browser's work is not offered"
    stranger.close()

    tab.page.reload()
    tab.wait(state="ready", objects=0)
    tab.page.wait_for_selector("#point-sam-saved")
    again = tab.press("Go on with it", objects=1, clicks=1)
    assert again["area"] == current["area"]
    assert f"{int(accepted['area']):,} points" in tab.page.inner_text("#point-sam-objects")
    tab.press("Clear clicks", clicks=0)
    tab.screenshot("9_restored")
    tab.close()


def test_thrown_away_work_is_not_offered_again(server: Any, open_tab: Callable[..., Any]) -> None:
    tab = open_tab(server.url)
    tab.wait(state="ready")
    tab.act(lambda: tab.page.mouse.click(*tab.nearest()), clicks=1)
    tab.page.reload()
    tab.wait(state="ready", clicks=0)
    tab.page.wait_for_selector("#point-sam-saved")
    tab.act(lambda: tab.button("Throw it away").click())
    tab.page.reload()
    tab.wait(state="ready", clicks=0)
    assert tab.page.locator("#point-sam-saved").count() == 0
    tab.close()


def test_interrupting_the_server_is_quiet(serve: Callable[..., Any], sample: Path) -> None:
    code, out, err = serve(str(sample), "--port", "0").end(signal.SIGINT)
    assert (code, out, err) == (0, "", "")


def test_the_printed_address_lets_a_browser_in_and_its_cookie_keeps_it_in(
    serve: Callable[..., Any], open_tab: Callable[..., Any]
) -> None:
    server = serve("--port", "0", "--host", "0.0.0.0", "--token", "auto")
    assert "?token=" in server.url
    tab = open_tab(server.url)
    tab.wait("Type the path", state="empty")
    tab.page.goto(f"http://localhost:{server.port}/")
    tab.wait("Type the path", state="empty")
    tab.page.context.clear_cookies()
    answer = tab.page.goto(f"http://localhost:{server.port}/")
    assert answer.status == 401
    tab.close()
    _, _, err = server.end(signal.SIGINT)
    assert err.count("warning:") == 2


def test_fifty_pages_at_once_are_served(server: Any, open_tab: Callable[..., Any]) -> None:
    camera = {
        "type": "ViewerCameraMessage",
        "wxyz": (1.0, 0.0, 0.0, 0.0),
        "position": (3.0, 3.0, 3.0),
        "fov": 1.3,
        "near": 0.01,
        "far": 1000.0,
        "image_height": 100,
        "image_width": 100,
        "look_at": (0.0, 0.0, 0.0),
        "up_direction": (0.0, 0.0, 1.0),
    }

    async def visit() -> int:
        """Until the page of this visitor has sent its points; the number of bytes of that."""
        origin = server.url.rstrip("/")
        protocols = [f"viser-v{viser.__version__}"]
        async with connect(
            origin.replace("http", "ws"), origin=origin, subprotocols=protocols, max_size=None
        ) as visitor:
            await visitor.send(msgspec.msgpack.encode(camera))
            while True:
                message = await asyncio.wait_for(visitor.recv(), 120)
                if len(message) > 14_000 * 12:
                    return len(message)

    async def crowd() -> list[int]:
        return await asyncio.gather(*(visit() for _ in range(50)))

    with ThreadPoolExecutor(1) as beside_playwright:  # which has a loop of its own in this thread
        assert len(beside_playwright.submit(asyncio.run, crowd()).result()) == 50
    tab = open_tab(server.url)
    tab.wait(state="ready")
    tab.act(lambda: tab.page.mouse.click(*tab.nearest()), clicks=1)


def test_a_page_cannot_be_pointed_at_another_server(server: Any, chromium: Any) -> None:
    """viser's page connects to wherever ?websocket= says, and runs what it is sent."""
    page = chromium.new_page()
    with socket.create_server(("127.0.0.1", 0)) as other:
        target = f"ws://127.0.0.1:{other.getsockname()[1]}/"
        with page.expect_console_message(lambda message: f"Connecting to: {target}" in message.text, timeout=120_000):
            page.goto(f"{server.url}?websocket={target}")
        refused = page.workers[0].evaluate(
            """target => new Promise(done => {
                addEventListener("securitypolicyviolation", event => done(event.blockedURI));
                new WebSocket(target).onopen = () => done("connected");
            })""",
            target,
        )
        page.close()
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.accept()
    assert refused.startswith("ws://127.0.0.1")
