"""examples/segment.ipynb: it runs, and its stored answers are those of a run."""

import base64
import runpy
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
NOTEBOOK = Path(__file__).parent.parent / "examples" / "segment.ipynb"


@pytest.fixture(scope="module")
def stored():
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def ran(stored, tmp_path_factory):
    """The same, run where the notebook is, from its cells alone."""
    run = runpy.run_path(str(NOTEBOOK.parent / "run_notebook.py"))["run"]
    notebook = nbformat.v4.new_notebook(
        cells=[cell.copy() for cell in stored.cells], metadata=stored.metadata, nbformat_minor=stored.nbformat_minor
    )
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    run(notebook, NOTEBOOK.parent)
    return notebook


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell):
    """What a cell answers with: printed lines, pictures, values."""
    return [sorted(output.get("data", {"text": ""})) for output in cell.outputs]


def printed(cell):
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def test_the_stored_notebook_was_run_once_from_top_to_bottom(stored):
    nbformat.validate(stored)
    cells = code_cells(stored)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]


def test_a_new_run_answers_as_the_stored_one(stored, ran):
    assert [kinds(cell) for cell in code_cells(ran)] == [kinds(cell) for cell in code_cells(stored)]
    # Counts of points may differ a little between processors; which lines there are does not.
    for new, old in zip(code_cells(ran), code_cells(stored), strict=True):
        assert len(printed(new).splitlines()) == len(printed(old).splitlines())


def test_pictures_are_stored_and_small(stored):
    pictures = [
        base64.b64decode(output.data["image/png"])
        for cell in code_cells(stored)
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) >= 6
    assert all(picture.startswith(b"\x89PNG") and len(picture) < 150_000 for picture in pictures)


def test_it_shows_every_step(stored):
    text = "\n".join(cell.source for cell in stored.cells)
    for word in ("read_pointcloud", "set_pointcloud", "session.click", "candidates", "positive=False",
                 "write_pointcloud", "MaskGenerator", "face_labels"):  # fmt: skip
        assert word in text


def test_no_path_of_this_machine_is_stored():
    assert "/work/" not in NOTEBOOK.read_text()
    assert "/tmp/" not in NOTEBOOK.read_text()
