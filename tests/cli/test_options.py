from dataclasses import dataclass
from typing import Any, ClassVar

import typer
from typer.testing import CliRunner

from point_sam.cli.options import option, with_options


@dataclass(frozen=True)
class Common:
    panel: ClassVar = "Sizes"
    depth: int = option(3, min=1, help="How deep.")


@dataclass(frozen=True)
class Sizes(Common):
    width: int = option(..., "--width", "-w", help="How wide.")


def invoke(*args: str) -> tuple[Any, dict[str, Any]]:
    taken: dict[str, Any] = {}

    def command(name: str, *, sizes: Sizes, loud: bool = False) -> None:
        """Measure."""
        taken.update(name=name, sizes=sizes, loud=loud)

    app = typer.Typer()
    app.command()(with_options(command))
    return CliRunner(env={"NO_COLOR": "1"}).invoke(app, args), taken


def test_a_panel_reaches_the_command_as_one_value():
    answer, taken = invoke("box", "-w", "4", "--loud")

    assert answer.exit_code == 0, answer.output
    assert taken == {"name": "box", "sizes": Sizes(depth=3, width=4), "loud": True}


def test_help_shows_own_options_before_inherited_ones_under_the_name_of_the_panel():
    told = invoke("--help")[0].stdout

    assert told.index("Sizes") < told.index("--width") < told.index("--depth")


def test_limits_and_options_that_must_be_given_are_enforced():
    assert invoke("box")[0].exit_code == 2
    assert invoke("box", "-w", "4", "--depth", "0")[0].exit_code == 2
