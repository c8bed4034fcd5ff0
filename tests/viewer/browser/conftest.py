"""A real Chromium on a real server. Waits are for conditions, and every test leaves its screenshots.

POINT_SAM_ARTIFACTS names the folder for them; by default they go to pytest's temporary one.
"""

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, TimeoutError, sync_playwright

from point_sam.viewer.drawing import draw_scene
from point_sam.viewer.scene import open_scene

SAMPLE = Path(__file__).parents[3] / "examples" / "data" / "extinguisher.ply"
STATUS = "#point-sam-status"
# Software rendering, so that machines without a graphics card draw the same.
FLAGS = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]
PATIENCE = 60_000  # milliseconds, for machines where others work too


class Server:
    """`point-sam view` in a process of its own."""

    def __init__(self, *args: str, folder: Path, autosave: Path) -> None:
        command = [sys.executable, "-m", "point_sam", "view", *args, "--no-browser", "--autosave-folder", str(autosave)]
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if "http" not in line:
            self.process.wait(10)
            pytest.fail(f"the server did not start: {line}{self.process.stderr and self.process.stderr.read()}")
        self.url = line.split()[-1]
        self.port = int(self.url.partition("?")[0].rstrip("/").rpartition(":")[2])

    def end(self, how: int) -> tuple[int, str, str]:
        """Send a signal; exit code, stdout and stderr."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


class Tab:
    """One page of the viewer, as a person sees and uses it."""

    def __init__(self, page: Page, scene_file: Path, artifacts: Path) -> None:
        self.page = page
        self.artifacts = artifacts
        scene = open_scene(scene_file)
        self.drawing = draw_scene(scene)
        self.up = scene.up

    def close(self) -> None:
        """Close its browser profile, so that it draws no more while other tests run."""
        self.page.context.close()

    def facts(self) -> dict[str, str]:
        """What the page says of itself."""
        return self.page.eval_on_selector(STATUS, "element => ({...element.dataset})")

    def message(self) -> str:
        return self.page.inner_text(f"{STATUS} [role=status]")

    def wait(self, message: str | None = None, **facts: object) -> dict[str, str]:
        """Until the page says so."""
        self._until(
            """([selector, wanted, text]) => {
                const status = document.querySelector(selector);
                return status && Object.entries(wanted).every(([key, value]) => status.dataset[key] === value)
                    && (text === null || status.innerText.includes(text));
            }""",
            [STATUS, {key: str(value) for key, value in facts.items()}, message],
        )
        return self.facts()

    def act(self, action: Callable[[], Any], **facts: object) -> dict[str, str]:
        """Do something and wait until the page has answered, and says what is expected."""
        before = self.facts()["revision"]
        action()
        self._until(
            "([selector, before]) => document.querySelector(selector).dataset.revision !== before", [STATUS, before]
        )
        return self.wait(**facts)

    def _until(self, condition: str, arguments: list[Any]) -> None:
        try:
            self.page.wait_for_function(condition, arg=arguments, timeout=PATIENCE)
        except TimeoutError:
            self.screenshot(f"timeout_{time.time():.0f}")
            pytest.fail(f"waited for {arguments[1:]}; the page says {self.message()!r} and {self.facts()}")

    def button(self, label: str) -> Any:
        return self.page.get_by_role("button", name=label)

    def field(self, label: str) -> Any:
        """An input by the text beside it, which the page does not tie to it."""
        return self.page.locator(f"//*[normalize-space(text())='{label}']/ancestor::div[.//input][1]//input").first

    def press(self, label: str, **facts: object) -> dict[str, str]:
        """Press a button and wait for its answer."""
        return self.act(lambda: self.button(label).click(), **facts)

    def key(self, key: str, **facts: object) -> dict[str, str]:
        """Press a key and wait for its answer."""
        return self.act(lambda: self.page.keyboard.press(key), **facts)

    def project(self) -> np.ndarray:
        """Where each drawn point is: x, y in pixels of the page, and depth. The camera stands where it starts."""
        eye = {"z": np.array([1.35, -1.15, 0.7]), "y": np.array([1.35, 0.7, 1.15])}[self.up]
        up = {"z": np.array([0.0, 0, 1]), "y": np.array([0.0, 1, 0])}[self.up]
        forward = -eye / np.linalg.norm(eye)
        right = np.cross(forward, up)
        right /= np.linalg.norm(right)
        local = (self.drawing.positions - eye) @ np.stack([right, np.cross(right, forward), forward], axis=1)
        box = self.page.locator("canvas").first.bounding_box()
        assert box is not None
        focal = box["height"] / 2 / np.tan(np.radians(75) / 2)
        x = box["x"] + box["width"] / 2 + focal * local[:, 0] / local[:, 2]
        y = box["y"] + box["height"] / 2 - focal * local[:, 1] / local[:, 2]
        return np.stack([x, y, local[:, 2]], axis=1)

    def nearest(self) -> tuple[float, float]:
        """Where the point nearest to the camera is on the page."""
        places = self.project()
        x, y, _ = places[places[:, 2].argmin()]
        return float(x), float(y)

    def lowest(self) -> tuple[float, float]:
        """A place well inside the lowest part of what is drawn."""
        places = self.project()
        low, high = places[:, 1].max(), places[:, 1].min()
        band = np.abs(places[:, 1] - (low - 0.15 * (low - high))) < 10
        return float(places[band, 0].mean()), float(low - 0.15 * (low - high))

    def pixels(self) -> np.ndarray:
        """The page as it looks, [H, W, 3]."""
        return np.asarray(Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")).astype(int)

    def settle(self) -> None:
        """Until the canvas stays the same from frame to frame: what is new fades in."""
        before = self.pixels()
        for _ in range(300):
            self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            now = self.pixels()
            if np.abs(now - before).max() <= 2:
                return
            before = now
        pytest.fail("the page never rests")

    def screenshot(self, name: str) -> None:
        """Keep a picture of the page."""
        self.page.screenshot(path=self.artifacts / f"{name}.png")


@pytest.fixture(
    scope="module"
)  # Playwright keeps an asyncio loop running in this thread, which others' tests must not meet
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def sample() -> Path:
    return SAMPLE


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("POINT_SAM_ARTIFACTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts servers that do not outlive the tests."""
    started: list[Server] = []
    own = tmp_path_factory.mktemp("served")

    def start(*args: str, folder: Path = own, autosave: Path = own / "autosave") -> Server:
        started.append(Server(*args, folder=folder, autosave=autosave))
        return started[-1]

    yield start
    for server in started:
        server.end(signal.SIGKILL)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server on the sample, for the tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("viewer")
    running = Server(str(SAMPLE), "--port", "0", folder=folder, autosave=folder / "autosave")
    yield running
    running.end(signal.SIGKILL)


@pytest.fixture(scope="module")
def open_tab(chromium: Browser, artifacts: Path) -> Iterator[Callable[..., Tab]]:
    """Opens pages, each in a browser profile of its own unless it is given one."""
    contexts: list[Any] = []

    def open(url: str, *, file: Path = SAMPLE, context: Any = None) -> Tab:
        if context is None:
            context = chromium.new_context(viewport={"width": 960, "height": 640}, accept_downloads=True)
            context.set_default_timeout(PATIENCE)
            contexts.append(context)
        page = context.new_page()
        page.goto(url + ("&" if "?" in url else "?") + "fixedDpr=1")
        page.wait_for_selector(STATUS)
        return Tab(page, file, artifacts)

    yield open
    for context in contexts:
        context.close()
