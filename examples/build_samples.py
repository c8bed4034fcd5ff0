"""Rebuild the sample clouds in examples/data from the public packages they come from.

Needs numpy, trimesh, pillow, laspy and lazrs, which point-sam itself does not, and the two source packages:

    pip install numpy trimesh pillow "laspy[lazrs]"
    pip download --no-deps --no-binary :all: laspy==2.7.0
    apt-get download sweethome3d-furniture                 # Debian or Ubuntu, 1.8-1
    dpkg -x sweethome3d-furniture_*.deb furniture
    python examples/build_samples.py laspy-2.7.0.tar.gz furniture/usr/share/sweethome3d/furniture/BlendSwap-CC-0.sh3f

Sampling is seeded, so the same packages give the same files. Sources, authors and licences: examples/data/README.md.
"""

from __future__ import annotations

import argparse
import io
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
EXTINGUISHER = "blendswap-cc-0/fireExtinguisher/"
EXTINGUISHER_HEIGHT = 0.623  # metres, from the catalogue entry of the model
CUT = np.array([[636330.0, 848960.0], [636600.0, 849250.0]])  # of the park scan, in feet: a round path among trees
PARTS = {  # the model's materials -> label
    "Red_Metal": 1,  # tank
    "Label": 2,
    "Rubber": 3,  # hose
    "Smooth_Metal": 4,  # valve
    "Rough_Metal": 4,
    "Yellow_Plastic": 5,  # pin and nozzle grip
    "Red_Plastic": 6,  # button
    "Black_Plastic": 7,  # nozzle and foot
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("laspy_sdist", type=Path, help="laspy-2.7.0.tar.gz")
    parser.add_argument("furniture", type=Path, help="BlendSwap-CC-0.sh3f of Debian's sweethome3d-furniture")
    parser.add_argument("--out", type=Path, default=HERE / "data", help="folder to write to (default: %(default)s)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    build_extinguisher(options.furniture, options.out / "extinguisher.ply")
    build_house(options.laspy_sdist, options.out / "house_lidar.xyz")
    build_park(options.laspy_sdist, options.out / "park_lidar.pcd")


def build_extinguisher(catalogue: Path, path: Path, count: int = 14_000) -> None:
    """An object with colour and part labels: binary PLY, metres, z up, standing on z = 0."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(catalogue) as archive:
            for name in archive.namelist():
                if name.startswith(EXTINGUISHER):
                    archive.extract(name, folder)
        coords, rgb, label = sample_mesh(Path(folder) / EXTINGUISHER / "fireExtinguisher.obj", count)
    coords = coords[:, [0, 2, 1]] * [1, -1, 1]
    coords -= [*(coords.min(axis=0) + coords.max(axis=0))[:2] / 2, coords[:, 2].min()]
    coords *= EXTINGUISHER_HEIGHT / coords[:, 2].max()
    fields = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1"), ("label", "u1")]
    write_ply(path, fields, [*coords.T, *rgb.T, label])


def sample_mesh(path: Path, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points [N, 3] spread evenly over the outside of the mesh, their colours [N, 3] in 0..255 and part labels [N]."""
    import trimesh

    scene = trimesh.load_scene(path)
    coords, rgb, label = [], [], []
    rng = np.random.default_rng(0)
    meshes = [(str(mesh.visual.material.name), mesh) for mesh in scene.geometry.values()]
    area = sum(mesh.area for _, mesh in meshes)
    for material, mesh in sorted(meshes, key=lambda item: item[0]):
        wanted = 3 * round(count * mesh.area / area) + 3
        face = rng.choice(len(mesh.faces), wanted, p=mesh.area_faces / mesh.area)
        corners = np.sort(rng.random((wanted, 2)), axis=1)
        weights = np.stack([corners[:, 0], corners[:, 1] - corners[:, 0], 1 - corners[:, 1]], axis=1)
        coords.append((mesh.triangles[face] * weights[..., None]).sum(axis=1))
        rgb.append(surface_colors(mesh, face, weights))
        label.append(np.full(wanted, PARTS[material], np.uint8))
    points, colors, labels = np.concatenate(coords), np.concatenate(rgb), np.concatenate(label)
    kept = spread(points, count, rng)
    return points[kept], colors[kept], labels[kept]


def surface_colors(mesh: Any, face: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[N, 3] u8 colours of points on the faces: the texture where there is one, else the material's diffuse colour."""
    material = mesh.visual.material
    if material.image is None:
        return np.tile(np.asarray(material.diffuse[:3], np.uint8), (len(face), 1))
    uv = (mesh.visual.uv[mesh.faces[face]] * weights[..., None]).sum(axis=1) % 1.0
    image = np.asarray(material.image.convert("RGB"))
    column = np.minimum((uv[:, 0] * image.shape[1]).astype(int), image.shape[1] - 1)
    row = np.minimum(((1 - uv[:, 1]) * image.shape[0]).astype(int), image.shape[0] - 1)
    return image[row, column]


def spread(coords: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of about `count` points at most one to a small voxel: more even than random sampling."""
    order = rng.permutation(len(coords))
    low, high = 0.0, float(np.ptp(coords, axis=0).max())
    for _ in range(40):
        side = (low + high) / 2
        _, first = np.unique(np.floor(coords[order] / side).astype(np.int64), axis=0, return_index=True)
        low, high = (side, high) if len(first) > count else (low, side)
    return np.sort(order[first])


def build_house(sdist: Path, path: Path, count: int = 13_500) -> None:
    """A real scan without colour: ASCII XYZ, US survey feet in the Nebraska plane, trees and a roof by a lawn."""
    scan = read_las(sdist, "file_with_both_wkt_and_geotiff_vlrs.las")
    coords = np.asarray(scan.xyz)
    kept = np.sort(np.random.default_rng(0).permutation(len(coords))[:count])
    np.savetxt(path, coords[kept], fmt="%.2f")


def build_park(sdist: Path, path: Path) -> None:
    """A real scan with colour: binary PCD with packed rgb, feet from the corner of the cut, a path among trees."""
    scan = read_las(sdist, "autzen_trim.laz")
    coords = np.asarray(scan.xyz)
    rgb = np.stack([scan.red, scan.green, scan.blue], axis=1).astype(np.uint32)
    low, high = CUT
    inside = ((coords[:, :2] >= low) & (coords[:, :2] <= high)).all(axis=1)
    coords, rgb = coords[inside] - [*low, coords[inside, 2].min()], rgb[inside]
    packed = (rgb[:, 0] << 16 | rgb[:, 1] << 8 | rgb[:, 2]).astype("<u4").view("<f4")
    header = (
        "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS x y z rgb\nSIZE 4 4 4 4\nTYPE F F F F\n"
        f"COUNT 1 1 1 1\nWIDTH {len(coords)}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {len(coords)}\nDATA binary\n"
    )
    table = np.column_stack([coords.astype("<f4"), packed]).astype("<f4")
    path.write_bytes(header.encode() + table.tobytes())


def read_las(sdist: Path, name: str) -> Any:
    """A scan out of the tests of laspy's source distribution."""
    import laspy

    with tarfile.open(sdist) as archive:
        member = next((m for m in archive.getmembers() if m.name.endswith(f"tests/data/{name}")), None)
        if member is None:
            raise SystemExit(f"{sdist} holds no tests/data/{name}; take laspy-2.7.0.tar.gz")
        stream = archive.extractfile(member)
        if stream is None:
            raise SystemExit(f"{sdist}: {name} is not a file")
        return laspy.read(io.BytesIO(stream.read()))


def write_ply(path: Path, fields: list[tuple[str, str]], columns: list[np.ndarray]) -> None:
    table = np.empty(len(columns[0]), dtype=fields)
    for (name, _), column in zip(fields, columns, strict=True):
        table[name] = column
    kinds = {"<f4": "float", "u1": "uchar"}
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(table)}"]
    lines += [f"property {kinds[kind]} {name}" for name, kind in fields]
    path.write_bytes("\n".join([*lines, "end_header", ""]).encode() + table.tobytes())


if __name__ == "__main__":
    main()
