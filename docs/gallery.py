"""Draw the pictures of docs/gallery.md again: `python docs/gallery.py`, with the extra `mesh` installed.

The page is the list of commands. They run in a folder of their own, in the page's order; of what they write, the
pictures that the page shows are kept, in docs/images/gallery.
"""

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
PROGRAMS = {"point-sam": [sys.executable, "-m", "point_sam"], "python": [sys.executable]}


def main() -> None:
    """Run the page's commands, keep its pictures."""
    page = (DOCS / "gallery.md").read_text()
    commands = [line for block in re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S) for line in block.splitlines()]
    pictures = [DOCS / path for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page)]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "examples").symlink_to(DOCS.parent / "examples")
        for command in commands:
            print(f"$ {command}", flush=True)
            program, *arguments = shlex.split(command)
            subprocess.run([*PROGRAMS[program], *arguments], cwd=folder, check=True)
        for picture in pictures:
            picture.parent.mkdir(exist_ok=True)
            shutil.copyfile(Path(folder) / picture.name, picture)


if __name__ == "__main__":
    main()
