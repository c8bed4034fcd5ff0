import pickle
import struct

import pytest
import safetensors.torch
import torch

from point_sam import CheckpointError, PointSAM


def test_missing_unexpected_and_misshapen_tensors_are_all_named(model, weights, tmp_path, refused):
    path = tmp_path / "w.safetensors"
    for i in range(4):
        del weights[f"mask_decoder.output_hypernetworks_mlps.{i}.layers.0.weight"]
        del weights[f"mask_decoder.output_hypernetworks_mlps.{i}.layers.1.weight"]
        del weights[f"mask_decoder.output_hypernetworks_mlps.{i}.layers.2.weight"]
    weights["surplus"] = torch.zeros(1)
    weights["mask_decoder.iou_token.weight"] = torch.zeros(1, 7)
    safetensors.torch.save_file(weights, path)
    refused(path, r"12 missing: mask_decoder\.output.* and 2 more; 1 unexpected: surplus; 1 of another shape: ")
    refused(path, r"mask_decoder\.iou_token\.weight \[1, 7\] instead of \[1, 256\]")


def test_a_variant_that_does_not_fit_is_refused(folder, refused):
    refused(folder, "the tensors do not fit the architecture", variant="knn_small")
    with pytest.raises(ValueError, match="no model variant is called 'huge'; known: tiny, base"):
        PointSAM.from_pretrained(checkpoint_path=folder, variant="huge")


def test_a_variants_name_beside_checkpoint_path_is_a_variant(folder):
    with pytest.raises(CheckpointError, match="the tensors do not fit the architecture"):
        PointSAM.from_pretrained("large", checkpoint_path=folder)
    with pytest.raises(ValueError, match="both name weights; give one"):
        PointSAM.from_pretrained("user/repo", checkpoint_path=folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(weights, tmp_path, value, refused):
    weights["mask_decoder.iou_token.weight"][0, 3] = value
    safetensors.torch.save_file(weights, tmp_path / "w.safetensors")
    refused(tmp_path / "w.safetensors", r"tensor mask_decoder\.iou_token\.weight holds NaN or infinity")


def test_integer_weights_are_refused(weights, tmp_path, refused):
    weights["mask_decoder.iou_token.weight"] = torch.zeros(1, 256, dtype=torch.int32)
    safetensors.torch.save_file(weights, tmp_path / "w.safetensors")
    refused(tmp_path / "w.safetensors", r"tensor mask_decoder\.iou_token\.weight is I32")


def test_truncated_files_are_refused(folder, refused):
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    for length in (0, 1, 7, 8, 9, 500, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        refused(path, "not a complete safetensors file")


@pytest.mark.parametrize(
    "header",
    [
        b"\xff" * 8 + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 4) + b"\xff\xfe{}",
        struct.pack("<Q", 2) + b"{}",
        b'{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}',
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}',
        b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,8]}}',
    ],
)
def test_hostile_headers_are_refused(tmp_path, header, refused):
    if header.startswith(b'{"a'):
        header = struct.pack("<Q", len(header)) + header + bytes(8)
    (tmp_path / "w.safetensors").write_bytes(header)
    refused(tmp_path / "w.safetensors", "not a complete safetensors file|holds no tensors")


class Attack:
    def __reduce__(self):
        return (pytest.fail, ("code in a weight file was run",))


@pytest.mark.parametrize("save", [torch.save, lambda o, p: p.write_bytes(pickle.dumps(o))])
def test_code_in_a_pickle_is_not_run(tmp_path, save, refused):
    path = tmp_path / "w.pt"
    save({"model": Attack()}, path)
    refused(path, "not a file of plain tensors")


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04 junk"])
def test_damaged_pytorch_files_are_refused(tmp_path, content, refused):
    (tmp_path / "w.pt").write_bytes(content)
    refused(tmp_path / "w.pt", "not a")


@pytest.mark.parametrize("content", [{}, {"a": 3}, [torch.zeros(2)], {"model": {"a": {"b": torch.zeros(1)}}}])
def test_pytorch_files_without_named_tensors_are_refused(tmp_path, content, refused):
    torch.save(content, tmp_path / "w.pt")
    refused(tmp_path / "w.pt", "holds no dictionary of tensors")


@pytest.mark.parametrize("text", ["{", '{"num_heads": 1, "wheels": 4}', "[" * 100_000])
def test_damaged_configs_are_refused(folder, text, refused):
    (folder / "config.json").write_text(text)
    refused(folder, r"config\.json")
