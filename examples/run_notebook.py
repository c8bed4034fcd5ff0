"""Run segment.ipynb again and keep its new answers: `python examples/run_notebook.py`. Needs `pip install ".[dev]"`.

What a cell says on stderr is left out, so that the same package gives the same file but for its pictures' last digits.
"""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent / "segment.ipynb"
SECONDS = 300  # of one cell at most


def run(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Run every cell, in this folder.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised something.
    """
    NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when each message came
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]


def main() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    run(notebook, NOTEBOOK.parent)
    nbformat.write(notebook, NOTEBOOK)
    print(f"ran {sum(cell.cell_type == 'code' for cell in notebook.cells)} cells of {NOTEBOOK.name}")


if __name__ == "__main__":
    main()
