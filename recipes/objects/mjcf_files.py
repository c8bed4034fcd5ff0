"""Loading MJCF files with MuJoCo, and the ones that older releases took and today's refuses."""

from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from recipes.objects.xmltools import read_xml


def import_mujoco() -> Any:
    """The module mujoco.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import mujoco
    except ImportError as err:
        raise ImportError("reading MJCF models needs mujoco: pip install -r recipes/objects/requirements.txt") from err
    return mujoco


@lru_cache(maxsize=4)  # a scene holds many objects, and each of them a rest and a random pose
def load_mjcf(path: Path) -> Any:
    """The compiled model, after a repair if MuJoCo refuses the file as it stands.

    Raises:
        ImportError: mujoco is not installed.
        FileNotFoundError: no such file.
        ValueError: MuJoCo refuses it even then.
    """
    mujoco = import_mujoco()
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        return mujoco.MjModel.from_xml_path(str(path))
    except ValueError as refused:
        text = _repaired(path)
        try:
            return mujoco.MjModel.from_xml_string(text)
        except ValueError as err:
            raise ValueError(f"{path.name}: {_flat(refused)}; after a repair: {_flat(err)}") from err


def _repaired(path: Path) -> str:
    """The file with repeated assets named once and without attributes that `<default>` does not take.

    Both are faults of published models. Paths are made absolute: the text is no longer beside the meshes.
    """
    root = read_xml(path)
    for assets in root.findall("asset"):
        seen = set()
        for asset in list(assets):
            key = (asset.tag, asset.get("name") or asset.get("file"))
            if key in seen:
                assets.remove(asset)
            seen.add(key)
    for default in root.iter("default"):
        default.attrib = {key: value for key, value in default.attrib.items() if key == "class"}
    compiler = root.find("compiler")
    if compiler is None:
        compiler = ElementTree.SubElement(root, "compiler")
    for name in ("meshdir", "texturedir"):
        folder = compiler.get(name) or compiler.get("assetdir") or ""
        compiler.set(name, str(path.absolute().parent / folder))
    return ElementTree.tostring(root, encoding="unicode")


def _flat(err: Exception) -> str:
    """MuJoCo's message, which has several lines, on one."""
    return " ".join(str(err).split())[:200]
