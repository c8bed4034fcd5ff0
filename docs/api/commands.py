"""The page of the commands, written when the site is built: a hook of mkdocs, from what `--help` says."""

import inspect
from collections.abc import Iterator
from typing import Any

from point_sam.cli.app import build

_PAGE = "api/commands.md"


def on_page_markdown(markdown: str, *, page: Any, **kwargs: Any) -> str:
    """Add a section for each command to the page that is theirs."""
    if page.file.src_uri != _PAGE:
        return markdown
    return "\n\n".join([markdown, *_sections(build(), "point-sam", None)])


def _sections(command: Any, name: str, parent: Any) -> Iterator[str]:
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    if not hasattr(command, "commands"):
        yield _section(command, context)
        return
    for inner, inner_command in command.commands.items():
        yield from _sections(inner_command, inner, context)


def _section(command: Any, context: Any) -> str:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = [f"## {context.command_path}", "", f"`{usage}`", "", inspect.cleandoc(command.help), ""]
    panels: dict[str, list[str]] = {}
    for parameter in command.params:
        if parameter.name != "help":
            names, explanation = parameter.get_help_record(context)
            row = f"| `{names}` | {explanation.replace('  [', ' [').replace('|', '&#124;')} |"
            panels.setdefault(getattr(parameter, "rich_help_panel", None) or "", []).append(row)
    for panel, rows in panels.items():
        lines += [f"| {panel} | |", "|---|---|", *rows, ""]
    examples = [line.strip() for line in command.epilog.splitlines() if line.startswith("  ")]
    return "\n".join([*lines, "```sh", *examples, "```"])
