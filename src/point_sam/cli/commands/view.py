"""`point-sam view`: click on parts in a browser."""

import sys
import threading
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from point_sam.cli import options as shared
from point_sam.cli.console import Stages, remark, say
from point_sam.cli.embeddings import StoredEmbeddings, check_embedding, locate_embedding, read_embedding

EPILOG = (
    "Examples:\n\n"
    "  point-sam view scene.ply\n\n"
    "  point-sam view model.glb --open\n\n"
    "  point-sam view --port 9000 --model large\n\n"
    "  point-sam view scene.ply --host 0.0.0.0 --token auto\n\n"
    "  point-sam view scene.ply --encoded embeddings"
)
_LOADING, _READING = "loading the model", "reading the file"


@dataclass(frozen=True)
class ServerOptions:
    """Who is served, and where."""

    panel: ClassVar = "Server"
    port: int = shared.option(8080, min=0, max=65535, help="A port that is free. 0: any.")
    host: str = shared.option(
        "127.0.0.1", metavar="NAME", help="The address to listen on. Any but this machine's own needs --token."
    )
    token: str | None = shared.option(
        None,
        metavar="TEXT",
        envvar="POINT_SAM_TOKEN",
        help="What browsers must show to get in, 16 characters or more; it is part of the printed address. "
        "auto: a new random one.",
    )
    open_browser: bool = shared.option(False, "--open/--no-browser", help="Open a browser on the page.")
    autosave_folder: Path | None = shared.option(
        None, metavar="FOLDER", help="Where unfinished work is kept. By default point-sam/autosave in the user's cache."
    )


@dataclass(frozen=True)
class LimitOptions:
    """What is refused."""

    panel: ClassVar = "Limits"
    max_upload: int = shared.option(256, metavar="MB", min=1, help="Largest file that may be uploaded.")
    max_points: int | None = shared.option(
        None, min=1, help="Most points of a cloud that may be opened. By default 5000000."
    )


def command(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A cloud or a mesh. Without it, one is opened or uploaded in the page."),
    ] = None,
    *,
    server: ServerOptions,
    limits: LimitOptions,
    drop_invalid: shared.DropInvalid = False,
    sampling: shared.Sampling,
    scales: shared.LookAt = shared.Scales.AUTO,
    encoded: shared.Encoded = None,
    models: shared.ModelOptions,
    mask_group_size: Annotated[
        int | None,
        typer.Option(
            min=0,
            rich_help_panel="Model",
            help="Faster later clicks of large models: read the mask before at so many points of each group. "
            "0: at all.",
            show_default="0",
        ),
    ] = None,
    max_decoder_points: Annotated[
        int | None,
        typer.Option(
            min=0,
            rich_help_panel="Model",
            help="Faster clicks on millions of points: answer once for each cell of a grid of at most so many cells. "
            "0: for each point.",
            show_default="0",
        ),
    ] = None,
) -> None:
    """Segment by clicking, in a browser.

    Prints an address to open; Ctrl-C ends it. A click on a part marks it, shift-click takes away; Z is undo, Enter
    accepts, C steps through the candidates. Files opened in the page lie in the folder that this was started in.
    Those too start from their embeddings, if --encoded is a folder; one that is out of date is told and not used.
    """
    from point_sam.viewer.security import check_token, is_loopback
    from point_sam.viewer.server import address_of, listen, start, stop, url_of
    from point_sam.viewer.ui import serve

    if file is not None and not file.is_file():
        raise FileNotFoundError(f"{file}: no such file")
    embedding = None if encoded is None else _locate(encoded, file)
    try:
        token = check_token(server.token, loopback=is_loopback(server.host))
    except ValueError as err:
        raise typer.BadParameter(str(err), param_hint="--token") from err
    with listen(server.host, server.port) as bound:
        with Stages(2) as stages:
            with stages.stage(_LOADING, hidden=True):
                from point_sam.viewer.app import Viewer
                from point_sam.viewer.autosave import Autosave
                from point_sam.viewer.scene import MAX_POINTS

                model = models.load()
                model.adjust_click_params(mask_group_size, max_decoder_points)
                folder = encoded if encoded is not None and encoded.is_dir() else None
                viewer = Viewer(
                    model,
                    Path.cwd(),
                    None if file is None else file.resolve(),
                    autosave=Autosave(server.autosave_folder),
                    max_upload=limits.max_upload * 1_000_000,
                    max_points=limits.max_points or MAX_POINTS,
                    samples=sampling.count,
                    seed=sampling.seed or 0,
                    drop_invalid=drop_invalid,
                    scales=scales.value,
                    stored=None if encoded is None else StoredEmbeddings(models, model, folder, embedding),
                )
            with stages.stage(_READING):
                if file is not None and viewer.file is not None:
                    opened = viewer.open(viewer.file)  # what cannot be opened is told here, not in the page
                    if embedding is not None:
                        check_embedding(embedding, file, opened.scene.cloud, models)
                        viewer.encoding_cache.add(read_embedding(embedding, file, model))
        started = start(bound, token=token)
        pages = serve(viewer, started)
        if not is_loopback(address_of(bound)[0]):
            remark(f"warning: other machines can reach {server.host}; whoever has the address with its token gets in")
            remark("warning: nothing is encrypted; on networks of others use an SSH tunnel instead")
        try:
            _tell_and_wait(url_of(bound, token), open_browser=server.open_browser)
        except KeyboardInterrupt:
            pass
        finally:
            pages.close()
            viewer.close()
            stop(started)


def _locate(encoded: Path, file: Path | None) -> Path | None:
    """The embedding of FILE; None where there is no FILE, and embeddings of a folder are found as files are opened."""
    if file is not None:
        return locate_embedding(encoded, file)
    if not encoded.exists():
        raise FileNotFoundError(f"{encoded}: no such folder; point-sam encode FILE -o {encoded} makes it")
    if not encoded.is_dir():
        raise typer.BadParameter(
            f"{encoded} is one embedding; give the FILE that it is of, or the folder", param_hint="--encoded"
        )
    return None


def _tell_and_wait(url: str, *, open_browser: bool) -> None:
    say(f"point-sam view: {url}")
    sys.stdout.flush()
    if open_browser:
        webbrowser.open(url)
    threading.Event().wait()
