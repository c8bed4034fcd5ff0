"""Files that a mesh names: textures, materials, buffers. Looked for beside it, and remembered where they are not."""

import io
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote


def resources_of(trimesh: Any, path: Path) -> Any:
    """What trimesh asks for the files that `path` names (a `Resolver`), with the names that it had to refuse.

    Names are taken as glTF and OBJ files write them: with %20 for a space, with backslashes, with options before them.

    Args:
        trimesh: the module.
        path: of the mesh.

    Returns:
        A resolver; its `missing` are the names of files that are not there, outside the folder, or no picture though
        they are called one, in the order of asking.
    """

    class Resources(trimesh.resolvers.FilePathResolver):
        missing: list[str]

        def get(self, name: str) -> bytes:
            for spelling in _spellings(name):
                try:
                    found: bytes = super().get(spelling)
                except (OSError, ValueError):
                    continue
                if _is_what_it_is_called(spelling, found):
                    return found
            if name not in self.missing:
                self.missing.append(name)
            raise FileNotFoundError(f"{name}, which it names, is not there or cannot be read")

    resources = Resources(str(path))
    resources.missing = []
    return resources


def _spellings(name: str) -> Iterator[str]:
    name = name.strip()
    yield name
    yield unquote(name)
    yield name.replace("\\", "/")
    if name.startswith("-"):  # map_Kd -s 1 1 1 wood.png
        yield name.split()[-1]


def _is_what_it_is_called(name: str, content: bytes) -> bool:
    from PIL import Image

    if PurePosixPath(name).suffix.lower() not in Image.registered_extensions():
        return True
    try:
        with Image.open(io.BytesIO(content)):
            return True
    except OSError:
        return False
