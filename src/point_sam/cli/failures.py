"""What becomes of an error: one line on stderr and an exit code, never a traceback unless --debug asks for it."""

import os
import re
import sys
import warnings
from typing import Any

import typer
from typer.core import TyperGroup

INTERRUPTED = 130  # 128 + SIGINT and SIGPIPE, as the shell's own tools exit
PIPE_CLOSED = 141
_MAX_LINE = 1000  # characters
_ADVICE = {"drop_invalid": "drop them (--drop-invalid does) or repair the source"}
# Names of parameters in the library's errors, in the words of the command line.
_IN_FLAGS = {
    "checkpoint_path=...": "--checkpoint FILE",
    "checkpoint_path='file.safetensors'": "--checkpoint FILE",
    "checkpoint_path": "--checkpoint",
    "device='cpu'": "--device cpu",
    "layout=...": "--layout NAME",
    "resume=False": "--no-resume",
    "plots=False": "--no-plots",
    "min_points": "--min-points",
    "max_share": "--max-share",
    "iou_threshold": "--iou-threshold",
    "stability_threshold": "--stability-threshold",
    "nms_threshold": "--nms",
}
# Names alone, longest first: a file may bear one as a part of its name.
_IN_PYTHON = re.compile(
    r"(?<![\w./-])(?:" + "|".join(map(re.escape, sorted(_IN_FLAGS, key=len, reverse=True))) + r")(?![.-]?\w)"
)


class Group(TyperGroup):
    """The group of all sub-commands, around which errors are caught."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Let --debug stand behind the sub-command too, where people put it on the second try."""
        end = args.index("--") if "--" in args else len(args)
        if "--debug" in args[:end]:
            args = ["--debug", *(arg for arg in args[:end] if arg != "--debug"), *args[end:]]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the sub-command.

        Raises:
            typer.Exit: with 1, 130 or 141 in place of whatever went wrong.
        """
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            try:
                result = super().invoke(ctx)
                sys.stdout.flush()  # a full disk or a closed pipe shows now, not while the interpreter ends
                return result
            except KeyboardInterrupt:
                _say("interrupted")
                raise typer.Exit(INTERRUPTED) from None
            except BrokenPipeError:
                _discard_stdout()
                raise typer.Exit(PIPE_CLOSED) from None
            except Exception as err:
                if hasattr(err, "exit_code") or isinstance(err, typer.Abort):  # typer's own, usage errors among them
                    raise
                if ctx.params.get("debug"):
                    raise
                _say(f"error: {describe(err)}")
                _discard_stdout()
                raise typer.Exit(1) from None


def describe(err: BaseException) -> str:
    """One line that says what went wrong."""
    if isinstance(err, MemoryError) or "OutOfMemory" in type(err).__name__ or "can't allocate memory" in str(err):
        return "out of memory; thin the cloud, or lower --num-groups or --group-size"
    if isinstance(err, OSError) and err.strerror:
        return one_line(f"{err.filename}: {err.strerror}" if err.filename is not None else err.strerror)
    if isinstance(err, ValueError | OSError | ImportError) and str(err):
        from point_sam.clouds import PointCloudError

        line = one_line(err.advise(_ADVICE) if isinstance(err, PointCloudError) else str(err))
        return _IN_PYTHON.sub(lambda found: _IN_FLAGS[found[0]], line)
    return one_line(f"unexpected {type(err).__name__}: {err} (a bug; --debug shows where, please report it)")


def one_line(text: str) -> str:
    """`text` without line breaks, control characters and excess length: a file's name may hold any of them."""
    line = "".join(c if c.isprintable() else " " for c in text.strip())
    return line if len(line) <= _MAX_LINE else line[: _MAX_LINE - 3] + "..."


def _say(line: str) -> None:
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:  # nobody listens; the exit code still tells
        return


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    if issubclass(category, UserWarning):
        _say(f"warning: {one_line(str(message))}")


def _discard_stdout() -> None:
    """What is still buffered for a stdout that cannot take it would fail again while the interpreter ends."""
    try:
        sys.stdout.flush()
    except OSError:
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
            os.close(null)
        except (OSError, ValueError):  # not a file of the system, as in tests
            return
