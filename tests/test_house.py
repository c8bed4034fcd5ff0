"""The arrows of the house: imports go down, and never round in a circle, in functions as at the top of a module."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import point_sam

# From below to above. A module or folder of the package stands in one storey; imports stay there or go down.
STOREYS = (
    # Numpy and the standard library alone: words, files, hardware, pictures.
    {"assets", "atomic", "display", "hardware", "messages", "picture"},
    {"clouds"},
    {"ops"},
    {"model"},
    {"checkpoints"},
    {"encoded", "inputs", "predictor"},
    {"automatic", "datasets", "evaluation", "focus", "mesh", "pyramid", "session", "single", "training"},
    {"cli", "viewer"},
)
# The package itself offers the names of many storeys, lazily, and its command starts the highest.
DOORS = {"point_sam", "point_sam.__main__"}
# Importer, imported: why the arrow closes a circle and may. As short as possible.
ALLOWED = {("point_sam.evaluation.tables", "point_sam.evaluation.report"): "read by type checkers alone"}


def _modules() -> dict[str, Path]:
    source = Path(point_sam.__file__).parent
    modules = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source.parent).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


MODULES = _modules()


def _imports(path: Path) -> Iterator[str]:
    """The modules of the package that a file names, wherever in it; what only type checkers read counts too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for name in node.names:
                inner = f"{node.module}.{name.name}"
                yield inner if inner in MODULES else node.module


GRAPH = {name: sorted({*_imports(path)} - {name}) for name, path in MODULES.items()}


def _room(module: str) -> str:
    return module.split(".")[1]


def test_nothing_imports_in_a_circle() -> None:
    arrows = {
        module: [imported for imported in imports if (module, imported) not in ALLOWED]
        for module, imports in GRAPH.items()
        if module not in DOORS
    }
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as err:
        pytest.fail("a circle of imports: " + " <- ".join(err.args[1]))


def test_imports_go_down() -> None:
    storey = {room: height for height, rooms in enumerate(STOREYS) for room in rooms}
    homeless = {_room(module) for module in GRAPH if module not in DOORS} - set(storey)
    assert homeless == set(), "give each of these a storey"
    upwards = {
        (module, imported)
        for module, imports in GRAPH.items()
        for imported in imports
        if module not in DOORS and imported not in DOORS and storey[_room(imported)] > storey[_room(module)]
    }
    assert upwards == set()
