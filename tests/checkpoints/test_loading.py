import json
import sys
import types

import numpy as np
import pytest
import safetensors.torch
import torch

from point_sam import ModelConfig, PointSAM
from point_sam.checkpoints import files, infer_config
from point_sam.checkpoints.sources import locate_local


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_saved_model_loads_back(model, tmp_path, dtype):
    model.save_pretrained(tmp_path, dtype=dtype)
    loaded = PointSAM.from_pretrained(tmp_path, precision="float32")

    assert loaded.model.config == model.model.config
    assert all(p.dtype == torch.float32 and p.requires_grad for p in loaded.model.parameters())
    for name, value in model.model.state_dict().items():
        rounded = value.to(getattr(torch, dtype)).float()
        assert torch.equal(loaded.model.state_dict()[name], rounded), name
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "model.safetensors"]


def test_a_file_is_found_with_the_config_beside_it(model, folder, same_weights):
    loaded = PointSAM.from_pretrained(folder / "model.safetensors", precision="float32")
    assert same_weights(loaded, model)
    assert loaded.model.config == model.model.config


def test_without_config_heads_and_groups_are_inferred(folder):
    (folder / "config.json").unlink()
    config = PointSAM.from_pretrained(checkpoint_path=folder).model.config
    assert (config.num_heads, config.num_groups, config.group_size) == (1, 512, 64)


def test_another_tools_config_is_passed_over(folder):
    (folder / "config.json").write_text('{"architectures": ["Bert"], "hidden_size": 5}')
    assert PointSAM.from_pretrained(folder).model.config.num_groups == 512


@pytest.mark.parametrize("wrap", [lambda w: w, lambda w: {"model": w}, lambda w: {"epoch": 3, "state_dict": w}])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin"])
def test_pytorch_files_load_nested_and_prefixed(model, weights, tmp_path, wrap, prefix, suffix, same_weights):
    path = tmp_path / f"weights{suffix}"
    torch.save(wrap({prefix + name: value for name, value in weights.items()}), path)
    config = model.model.config
    assert same_weights(PointSAM.from_pretrained(checkpoint_path=path, config=config), model)


def test_image_leftovers_are_the_only_tensors_passed_over(model, weights, tmp_path, same_weights, refused):
    path = tmp_path / "w.safetensors"
    left = {
        f"pc_encoder.transformer.{n}": torch.zeros(2) for n in ("cls_token", "pos_embed", "patch_embed.x", "head.y")
    }
    safetensors.torch.save_file(weights | left, path)
    assert same_weights(PointSAM.from_pretrained(checkpoint_path=path, config=model.model.config), model)

    safetensors.torch.save_file(weights | {"pc_encoder.transformer.rope.freqs": torch.zeros(2)}, path)
    refused(path, r"1 unexpected: pc_encoder\.transformer\.rope\.freqs", config=model.model.config)


def test_half_precision_files_are_loaded_as_float32(model, weights, tmp_path):
    path = tmp_path / "w.safetensors"
    safetensors.torch.save_file({name: value.bfloat16() for name, value in weights.items()}, path)
    loaded = PointSAM.from_pretrained(checkpoint_path=path)
    assert {value.dtype for value in loaded.model.state_dict().values()} == {torch.float32}


def test_overwriting_the_file_does_not_reach_a_loaded_model(model, folder, same_weights):
    loaded = PointSAM.from_pretrained(folder)
    path = folder / "model.safetensors"
    with open(path, "r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 1000)
    assert same_weights(loaded, model)


def test_a_failed_save_leaves_the_old_file(model, folder):
    before = (folder / "model.safetensors").read_bytes()
    with torch.no_grad():
        model.model.mask_decoder.iou_token.weight[0, 0] = 1e6
    with pytest.raises(ValueError, match=r"mask_decoder\.iou_token\.weight holds .* too large for float16"):
        model.save_pretrained(folder, dtype="float16")
    assert (folder / "model.safetensors").read_bytes() == before


def test_config_is_written_for_people(folder):
    written = json.loads((folder / "config.json").read_text())
    assert written["tokenizer"] == "knn"
    assert ModelConfig.from_dict(written) == locate_config(folder)


def locate_config(folder):
    found = locate_local(folder)
    return infer_config(files.read_weights(found.weights)[0], found.settings)


def test_fused_layernorm_without_apex_says_how_to_get_it(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "apex", None)
    monkeypatch.setitem(sys.modules, "apex.normalization", None)
    with pytest.raises(ImportError, match=r"needs NVIDIA apex .*github\.com/NVIDIA/apex"):
        PointSAM.from_pretrained(folder, fused_layernorm=True)


def test_fused_layernorm_replaces_every_layernorm(folder, cloud, monkeypatch):
    class FusedLayerNorm(torch.nn.LayerNorm):
        pass

    monkeypatch.setitem(sys.modules, "apex", types.ModuleType("apex"))
    normalization = types.ModuleType("apex.normalization")
    normalization.FusedLayerNorm = FusedLayerNorm
    monkeypatch.setitem(sys.modules, "apex.normalization", normalization)

    plain = PointSAM.from_pretrained(folder, precision="float32")
    fused = PointSAM.from_pretrained(folder, precision="float32", fused_layernorm=True)
    norms = [module for module in fused.model.modules() if isinstance(module, torch.nn.LayerNorm)]
    assert norms
    assert all(type(module) is FusedLayerNorm for module in norms)
    expected, _ = plain.predict(*cloud, cloud[0][0], return_logits=True)
    np.testing.assert_array_equal(fused.predict(*cloud, cloud[0][0], return_logits=True)[0], expected)
