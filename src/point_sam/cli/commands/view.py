"""`point-sam view`: click on parts in a browser."""

import sys
import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from point_sam.cli import options as shared
from point_sam.cli.console import Stages, remark, say
from point_sam.cli.embeddings import StoredEmbeddings, check_embedding, locate_embedding, read_embedding
from point_sam.cli.meshes import Samples, Seed

EPILOG = (
    "Examples:\n\n"
    "  point-sam view scene.ply\n\n"
    "  point-sam view model.glb --open\n\n"
    "  point-sam view --port 9000 --model large\n\n"
    "  point-sam view scene.ply --host 0.0.0.0 --token auto\n\n"
    "  point-sam view scene.ply --encoded embeddings"
)
_SERVER = "Server"
_LIMITS = "Limits"
_LOADING, _READING = "loading the model", "reading the file"


def command(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            show_default=False,
            help="A cloud or a mesh. Without it, one is opened or uploaded in the page.",
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, rich_help_panel=_SERVER, help="A port that is free. 0: any.")
    ] = 8080,
    host: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_SERVER,
            help="The address to listen on. Any but this machine's own needs --token.",
        ),
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            envvar="POINT_SAM_TOKEN",
            show_default=False,
            rich_help_panel=_SERVER,
            help="What browsers must show to get in, 16 characters or more; it is part of the printed address. "
            "auto: a new random one.",
        ),
    ] = None,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-browser", rich_help_panel=_SERVER, help="Open a browser on the page.")
    ] = False,
    max_upload: Annotated[
        int, typer.Option(metavar="MB", min=1, rich_help_panel=_LIMITS, help="Largest file that may be uploaded.")
    ] = 256,
    max_points: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default=False,
            rich_help_panel=_LIMITS,
            help="Most points of a cloud that may be opened. By default 5000000.",
        ),
    ] = None,
    autosave_folder: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            show_default=False,
            rich_help_panel=_SERVER,
            help="Where unfinished work is kept. By default point-sam/autosave in the user's cache.",
        ),
    ] = None,
    drop_invalid: shared.DropInvalid = False,
    samples: Samples = None,
    seed: Seed = None,
    encoded: shared.Encoded = None,
    model: shared.Model = "tiny",
    checkpoint: shared.Checkpoint = None,
    variant: shared.Variant = None,
    num_groups: shared.NumGroups = None,
    group_size: shared.GroupSize = None,
    max_encoder_points: shared.MaxEncoderPoints = None,
    mask_group_size: shared.MaskGroupSize = None,
    max_decoder_points: shared.MaxDecoderPoints = None,
    device: shared.Device = None,
    precision: shared.PrecisionOption = shared.Precision.AUTO,
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
        token = check_token(token, loopback=is_loopback(host))
    except ValueError as err:
        raise typer.BadParameter(str(err), param_hint="--token") from err
    settings = shared.ModelOptions(
        model,
        checkpoint,
        variant,
        num_groups,
        group_size,
        max_encoder_points,
        device,
        precision,
        mask_group_size,
        max_decoder_points,
    )
    with listen(host, port) as bound:
        with Stages([_LOADING, _READING]) as stages:
            with stages.stage(_LOADING, hidden=True):
                from point_sam.mesh.sampling import SAMPLES
                from point_sam.viewer.app import Viewer
                from point_sam.viewer.autosave import Autosave
                from point_sam.viewer.scene import MAX_POINTS

                network = settings.load()
                folder = encoded if encoded is not None and encoded.is_dir() else None
                viewer = Viewer(
                    network,
                    Path.cwd(),
                    None if file is None else file.resolve(),
                    autosave=Autosave(autosave_folder),
                    max_upload=max_upload * 1_000_000,
                    max_points=MAX_POINTS if max_points is None else max_points,
                    samples=SAMPLES if samples is None else samples,
                    seed=seed or 0,
                    drop_invalid=drop_invalid,
                    stored=None if encoded is None else StoredEmbeddings(settings, network, folder, embedding),
                )
            with stages.stage(_READING):
                if file is not None and viewer.file is not None:
                    opened = viewer.open(viewer.file)  # what cannot be opened is told here, not in the page
                    if embedding is not None:
                        check_embedding(embedding, file, opened.scene.cloud, settings)
                        viewer.encoding_cache.add(read_embedding(embedding, file, network))
        server = start(bound, token=token)
        pages = serve(viewer, server)
        if not is_loopback(address_of(bound)[0]):
            remark(f"warning: other machines can reach {host}; whoever has the address with its token gets in")
            remark("warning: nothing is encrypted; on networks of others use an SSH tunnel instead")
        try:
            _tell_and_wait(url_of(bound, token), open_browser=open_browser)
        except KeyboardInterrupt:
            pass
        finally:
            pages.close()
            viewer.close()
            stop(server)


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
