"""Files appear under their name whole or not at all, whoever writes them and however."""

import errno
import os
import stat

import pytest
import torch

from point_sam.atomic import replacing, write_atomically
from point_sam.checkpoints import write_tensors

TENSORS = {"a": torch.zeros(3)}


@pytest.fixture
def umask():
    """A umask unlike the usual ones: group may read, others nothing."""
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_file_holds_what_was_written(tmp_path):
    write_atomically(tmp_path / "file", lambda file: file.write(b"new"))
    assert (tmp_path / "file").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "file").write_bytes(b"old")

    def fail():
        with replacing(tmp_path / "file") as temporary:
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (tmp_path / "file").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_weights_that_cannot_come_to_disk_leave_the_old_file(tmp_path, monkeypatch, function):
    def refuse(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "w.safetensors"
    write_tensors(path, TENSORS, {})
    before = path.read_bytes()
    monkeypatch.setattr(os, function, refuse)
    with pytest.raises(OSError, match="No space left"):
        write_tensors(path, {"a": torch.ones(9)}, {})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_new_files_get_what_the_umask_grants(tmp_path, umask):
    write_atomically(tmp_path / "file", lambda file: file.write(b"new"))
    write_tensors(tmp_path / "w.safetensors", TENSORS, {})
    assert mode(tmp_path / "file") == mode(tmp_path / "w.safetensors") == 0o666 & ~umask


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_existing_files_keep_their_permissions(tmp_path):
    path = tmp_path / "w.safetensors"
    path.touch()
    path.chmod(0o604)
    write_tensors(path, TENSORS, {})
    assert mode(path) == 0o604


def test_a_folder_of_that_name_is_refused_by_name(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match=r"is not a regular file; choose another name: '.*taken'"):
        write_atomically(tmp_path / "taken", lambda file: file.write(b"new"))
    assert os.listdir(tmp_path) == ["taken"]
