"""From a click in the viewer to the picture that shows its answer, measured in a real Chromium with software rendering.

    python -m benchmarks.viewer --points 100000 --repeats 7 --json viewer.json

The page's own clock tells when the button went up, when the new colours had arrived in the page, and when a pixel of
the canvas had changed; the server tells how long the model took, its queue included, and how long colours took. What is
left is transfer: both ways, the search for the point under the pointer, and viser's windows of 1/60 s. Reading the
canvas back every frame is part of "draw". Prints a table in markdown.
"""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.clouds import rough_terrain
from benchmarks.machine import describe_machine, revision
from point_sam import PointCloud, write_pointcloud

FLAGS = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]
WINDOW = {"width": 1280, "height": 800}
PARTS = ("model", "colours", "transfer", "draw")
_PATIENCE = 300_000  # milliseconds
# Notes in the page when a batch of messages with new colours has come out of viser's worker.
_HOOK = """
window.arrived = 0;
const Plain = window.Worker;
window.Worker = class extends Plain {
    constructor(...args) {
        super(...args);
        this.addEventListener("message", event => {
            const batch = event.data.messages || [];
            if (batch.some(message => message.updates && message.updates.colors)) window.arrived = performance.now();
        });
    }
};
"""
# Resolves when the canvas looks different from what it is now; the times are of the page's clock.
_WATCH = """() => {
    const canvas = document.querySelector("canvas[data-engine]");
    const small = document.createElement("canvas");
    small.width = 160; small.height = 100;
    const pen = small.getContext("2d", {willReadFrequently: true});
    const look = () => { pen.drawImage(canvas, 0, 0, 160, 100); return pen.getImageData(0, 0, 160, 100).data; };
    const before = look();
    window.arrived = 0;
    window.up = 0;
    addEventListener("pointerup", () => { window.up = performance.now(); }, {once: true, capture: true});
    window.seen = new Promise(done => {
        const frame = () => {
            const changed = window.arrived > 0 && look().some((value, i) => Math.abs(value - before[i]) > 12);
            if (changed) done({up: window.up, arrived: window.arrived, drawn: performance.now()});
            else requestAnimationFrame(frame);
        };
        requestAnimationFrame(frame);
    });
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--json", type=Path, help="also write every figure to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder) / "terrain.ply"
        write_pointcloud(scene, PointCloud(*rough_terrain(options.points)))
        rows = measure(scene, options.model, options.repeats)
    about = {**describe_machine("cpu"), "revision": revision(), "points": options.points, "model": options.model}
    if options.json is not None:
        options.json.write_text(json.dumps({"about": about, "clicks": rows}, indent=1))
    print(f"{options.model}, {options.points:,} points, {options.repeats} repeats, medians in milliseconds\n")
    print(table(rows))
    print(f"\n{json.dumps(about)}")


def measure(scene: Path, model: str, repeats: int) -> list[dict[str, Any]]:
    """Milliseconds of every part for first and second clicks, each on an object of its own."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("chromium is not installed")
    command = [sys.executable, "-m", "point_sam", "view", str(scene), "--port", "0", "--model", model]
    server = subprocess.Popen(
        [*command, "--autosave-folder", str(scene.parent / "autosave")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=FLAGS)
            page = browser.new_page(viewport=WINDOW)
            page.add_init_script(_HOOK)
            page.goto(f"{url}?fixedDpr=1")
            wait_for(page, "0")
            rows = []
            for repeat in range(repeats + 1):
                first = click(page, 500, 420, "1")
                second = click(page, 420, 400, "2")
                page.get_by_role("button", name="Clear clicks").click()
                wait_for(page, "0")
                if repeat > 0:  # the first round is slower for everybody: compiled shaders, warm caches
                    rows += [{"click": "first", **first}, {"click": "second", **second}]
            browser.close()
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
    return rows


def wait_for(page: Any, clicks: str) -> None:
    page.wait_for_function(
        """clicks => {
            const status = document.querySelector("#point-sam-status");
            return status && status.dataset.state === "ready" && status.dataset.clicks === clicks;
        }""",
        arg=clicks,
        timeout=_PATIENCE,
    )


def click(page: Any, x: int, y: int, clicks: str) -> dict[str, float]:
    """Milliseconds of every part of one click."""
    page.evaluate(_WATCH)
    page.mouse.click(x, y)
    times = page.evaluate("() => window.seen")
    wait_for(page, clicks)
    told = page.eval_on_selector("#point-sam-status", "status => ({...status.dataset})")
    model, colours = 1000 * float(told["model"]), 1000 * float(told["paint"])
    total, draw = times["drawn"] - times["up"], times["drawn"] - times["arrived"]
    parts = {"model": model, "colours": colours, "transfer": total - draw - model - colours, "draw": draw}
    return {**parts, "total": total}


def table(rows: list[dict[str, Any]]) -> str:
    columns = (*PARTS, "total")
    lines = [f"| click | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name in ("first", "second"):
        values = [f"{median(row[column] for row in rows if row['click'] == name):.0f}" for column in columns]
        lines.append(f"| {name} | {' | '.join(values)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
