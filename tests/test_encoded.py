"""Encoded clouds as files, beside what test_predictor.py says of them."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from point_sam import EncodedCloud
from point_sam.encoded import fingerprint_cloud, is_encoded_file, read_settings


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cloud.safetensors"


def test_colours_are_saved_and_cannot_be_changed(model, cloud, path):
    coords, rgb = cloud
    encoded = model.encode(coords, rgb.astype(np.float32))
    encoded.save(path)

    for one in (encoded, EncodedCloud.load(path)):
        np.testing.assert_array_equal(one.rgb, rgb)
        with pytest.raises(ValueError, match="read-only"):
            one.rgb[0] = 0


def test_a_cloud_without_colours_stays_without(model, cloud, path):
    model.encode(cloud[0]).save(path)
    assert EncodedCloud.load(path).rgb is None


def test_settings_are_read_without_the_tensors(model, cloud, path):
    model.adjust_patch_params(num_groups=20)
    encoded = model.encode(cloud[0] * 3 + 7, cloud[1], normalize=True)
    encoded.save(path)

    settings = read_settings(path)

    assert (settings["num_points"], settings["color"], settings["num_groups"]) == (300, True, 20)
    assert settings["cloud_fingerprint"] == fingerprint_cloud(cloud[0] * 3 + 7, cloud[1])
    assert settings["center"] == encoded.center.tolist()
    assert settings["precision"] == "float32"


def test_only_encoded_clouds_are_recognised(model, cloud, path, tmp_path):
    model.encode(*cloud).save(path)
    model.save_pretrained(tmp_path / "weights")
    (tmp_path / "text").write_text("x")

    assert is_encoded_file(path)
    assert not is_encoded_file(tmp_path / "weights" / "model.safetensors")
    assert not is_encoded_file(tmp_path / "text")
    assert not is_encoded_file(tmp_path / "absent")


@pytest.mark.parametrize(
    ("change", "told"), [("rgb", "rgb is damaged"), ("format", "Cloud.1"), ("settings", "damaged")]
)
def test_damage_is_told(model, cloud, path, change, told):
    model.encode(*cloud).save(path)
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    if change == "rgb":
        tensors["rgb"] = tensors["rgb"][:-1].clone()
    elif change == "format":
        metadata["format"] = "point_sam.EncodedCloud.1"
    else:
        metadata["settings"] = json.dumps({"scale": 1.0})
    save_file(tensors, path, metadata=metadata)

    with pytest.raises(ValueError, match=told):
        EncodedCloud.load(path)


def test_fingerprints_depend_on_values_not_on_their_type(cloud):
    coords, rgb = cloud
    same = fingerprint_cloud(coords, rgb)
    assert fingerprint_cloud(coords.astype(np.float64), rgb.astype(np.float32)) == same
    assert fingerprint_cloud(torch.from_numpy(coords), rgb.tolist()) == same
    assert fingerprint_cloud(np.asfortranarray(coords), rgb) == same
    moved = coords.copy()
    moved[299, 2] = np.nextafter(moved[299, 2], np.float32(2))
    assert fingerprint_cloud(moved, rgb) != same
    assert fingerprint_cloud(coords) != same
    assert fingerprint_cloud(coords[::-1], rgb[::-1]) != same


@pytest.mark.skipif(os.name != "posix", reason="limits as on Unix")
def test_a_file_that_does_not_fit_is_an_os_error_and_leaves_nothing(model, cloud, path):
    model.encode(*cloud).save(path)
    code = (
        "import resource, signal, sys\n"
        "from point_sam import EncodedCloud\n"
        "encoded = EncodedCloud.load(sys.argv[1])\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n    encoded.save(sys.argv[2])\nexcept OSError as err:\n    print(err)\n"
    )
    target = path.with_name("full.safetensors")

    result = subprocess.run([sys.executable, "-c", code, path, target], capture_output=True, text=True, timeout=100)

    assert result.stdout == f"{target}: cannot be written: File too large\n", result.stderr
    assert os.listdir(path.parent) == [path.name]
