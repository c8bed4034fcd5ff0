"""`point-sam` itself: its global options, and its sub-commands.

Every module of `point_sam.cli.commands` without a leading underscore is a sub-command of the module's name, with
hyphens for underscores: the function `command`, whose docstring and parameters are the manual, and `EPILOG` with
examples. `COMMAND_CLASS` may name another class than typer's. A package there is a group of sub-commands, its modules,
with the package's docstring as the manual. Adding a sub-command is adding a file there and its test.
"""

import pkgutil
from importlib import import_module
from inspect import getdoc
from types import ModuleType
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from point_sam.cli import commands
from point_sam.cli.failures import Group
from point_sam.cli.options import with_options

_EPILOG = (
    "Start with  point-sam demo , then  point-sam COMMAND --help .\n\n"
    "Exit codes: 0 done, 1 an error with one line on stderr, 2 wrong usage, 130 interrupted."
)


def build() -> Any:
    """The command, ready to be called."""
    return typer.main.get_command(build_typer())


def build_typer() -> typer.Typer:
    """The typer application with every sub-command there is."""
    app = typer.Typer(cls=Group, no_args_is_help=True, add_completion=False, rich_markup_mode="rich", epilog=_EPILOG)
    app.callback()(_global_options)
    _add_commands(app, commands)
    return app


def _add_commands(app: typer.Typer, package: ModuleType) -> None:
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        if info.name.startswith("_"):
            continue
        module = import_module(f"{package.__name__}.{info.name}")
        name = info.name.replace("_", "-")
        if info.ispkg:
            group = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help=getdoc(module))
            _add_commands(group, module)
            app.add_typer(group, name=name)
        else:
            command_class = getattr(module, "COMMAND_CLASS", TyperCommand)
            app.command(name, epilog=module.EPILOG, cls=command_class, no_args_is_help=False)(
                with_options(module.command)
            )


def _print_version(wanted: bool) -> bool:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"point-sam {version('point-sam')}")
        raise typer.Exit
    return wanted


def _global_options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", envvar="POINT_SAM_DEBUG", help="Show the whole traceback of an error. May stand anywhere."
        ),
    ] = False,
) -> None:
    """Click a point of a 3D point cloud, get the part under it.

    The model in the package needs no network and no GPU.
    """
