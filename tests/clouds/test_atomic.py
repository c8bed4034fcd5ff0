import errno
import os
import stat

import numpy as np
import pytest

from point_sam.atomic import write_atomically
from point_sam.clouds import PointCloud, PointCloudError, read_pointcloud, writable_suffixes, write_pointcloud

OLD = PointCloud(np.zeros((2, 3)))
NEW = PointCloud(np.ones((5, 3)))


def refuse(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("suffix", writable_suffixes())
@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, suffix, function):
    path = tmp_path / f"cloud{suffix}"
    write_pointcloud(path, OLD)
    before = path.read_bytes()
    monkeypatch.setattr(os, function, refuse)
    with pytest.raises(PointCloudError, match=r"cloud\.\w+: cannot be written: No space left on device"):
        write_pointcloud(path, NEW)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


def test_a_writer_that_fails_half_way_leaves_nothing(tmp_path):
    def write(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "new", write)
    assert os.listdir(tmp_path) == []


def test_an_attribute_the_format_cannot_hold_leaves_the_old_file(tmp_path):
    path = tmp_path / "cloud.ply"
    write_pointcloud(path, OLD)
    with pytest.raises(PointCloudError, match="'name' is <U1"):
        write_pointcloud(path, PointCloud(np.zeros((1, 3)), attributes={"name": np.array(["a"])}))
    assert len(read_pointcloud(path)) == 2
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")
def test_permissions_and_links_are_respected(tmp_path):
    target, link = tmp_path / "real.xyz", tmp_path / "link.xyz"
    write_pointcloud(target, OLD)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~umask
    target.chmod(0o640)
    link.symlink_to(target)
    write_pointcloud(link, NEW)
    assert link.is_symlink()
    assert len(read_pointcloud(target)) == 5
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@pytest.mark.skipif(os.name != "posix", reason="needs a named pipe")
def test_what_is_no_regular_file_is_not_replaced(tmp_path):
    pipe = tmp_path / "pipe.ply"
    os.mkfifo(pipe)
    with pytest.raises(PointCloudError, match="not a regular file"):
        write_pointcloud(pipe, NEW)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        write_pointcloud(tmp_path / "nowhere" / "cloud.ply", NEW)
