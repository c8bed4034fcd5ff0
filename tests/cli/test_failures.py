import pytest
import typer
from typer.testing import CliRunner

from point_sam.cli.failures import Group, describe
from point_sam.clouds import PointCloudError


def app_that_raises(error: BaseException) -> typer.Typer:
    app = typer.Typer(cls=Group)

    @app.callback()
    def options(debug: bool = False) -> None:
        return None

    @app.command()
    def work() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("bad\nlines\x1b[31m"), "error: bad lines [31m"),
        (FileNotFoundError(2, "No such file or directory", "a.ply"), "error: a.ply: No such file or directory"),
        (OSError(28, "No space left on device"), "error: No space left on device"),
        (ImportError("needs x: pip install x"), "error: needs x: pip install x"),
        (MemoryError(), "error: out of memory; thin the cloud, or lower --num-groups or --group-size"),
        (KeyError("k"), "error: unexpected KeyError: 'k' (a bug; --debug shows where, please report it)"),
    ],
)
def test_error_becomes_one_line_and_exit_code_1(error, told):
    result = CliRunner().invoke(app_that_raises(error), ["work"])

    assert (result.exit_code, result.stderr) == (1, told + "\n")


def test_interruption_exits_with_130():
    result = CliRunner().invoke(app_that_raises(KeyboardInterrupt()), ["work"])

    assert (result.exit_code, result.stderr) == (130, "interrupted\n")


@pytest.mark.parametrize("arguments", [["--debug", "work"], ["work", "--debug"]])
def test_debug_lets_the_error_through_wherever_it_stands(arguments):
    error = ValueError("bad")

    assert CliRunner().invoke(app_that_raises(error), arguments).exception is error


def test_advice_for_python_is_given_in_flags():
    dropped = PointCloudError("a.ply: 1 of 2 points are bad", advice="drop_invalid")
    assert describe(dropped) == "a.ply: 1 of 2 points are bad; drop them (--drop-invalid does) or repair the source"
    assert describe(ValueError("x; use device='cpu'")) == "x; use --device cpu"
    assert describe(ValueError("no mask; lower iou_threshold.")) == "no mask; lower --iou-threshold."


@pytest.mark.parametrize("name", ["scans/min_points.ply", "min_points.ply", "my_max_share.las", "a/min_points/b.ply"])
def test_names_of_files_stay_what_they_are(name):
    assert describe(FileNotFoundError(f"{name}: no such file")) == f"{name}: no such file"
