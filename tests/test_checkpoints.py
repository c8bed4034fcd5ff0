import functools
import http.server
import json
import pickle
import struct
import sys
import threading
import time
import types

import numpy as np
import pytest
import safetensors.torch
import torch

from point_sam import CheckpointError, ModelConfig, PointSAM
from point_sam.checkpoints import MODELS, files, hub, infer_config, locate
from point_sam.checkpoints.sources import locate_local

VARIANTS = ["base", "large", "giant", "voronoi_large", "voronoi_giant", "knn_small", "voronoi_small"]


@pytest.fixture
def folder(model, tmp_path):
    """A saved model."""
    model.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.fixture
def weights(model):
    return {name: value.detach().clone() for name, value in model.model.state_dict().items()}


def same_weights(a: PointSAM, b: PointSAM) -> bool:
    first, second = a.model.state_dict(), b.model.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def refused(path, match, **options):
    with pytest.raises(CheckpointError, match=match) as caught:
        PointSAM.from_pretrained(checkpoint_path=path, **options)
    assert "\n" not in str(caught.value)


# --- architecture


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_architecture_is_read_off_the_originals_tensors(variant, manifest):
    shapes = manifest(variant)
    # giant ships the trunk of an image model; base and large share nothing that would tell them apart but sizes.
    assert infer_config(shapes) == ModelConfig.preset(variant)


def test_settings_decide_what_tensors_do_not(manifest):
    config = infer_config(manifest("knn_small"), {"num_heads": 6, "num_groups": 99, "group_size": 7})
    assert (config.num_heads, config.num_groups, config.group_size) == (6, 99, 7)


def test_settings_that_contradict_the_tensors_are_refused(manifest):
    with pytest.raises(CheckpointError, match=r"config\.json says depth = 3 but the tensors have 12"):
        infer_config(manifest("knn_small"), {"depth": 3})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_heads": 5}, "width 192 is not a multiple of num_heads 5"),
        ({"num_heads": "3"}, "num_heads"),
        ({"num_groups": 0}, "num_groups is 0"),
        ({"group_size": None}, "group_size belongs to the knn tokenizer"),
        ({"colour": "red"}, "unknown model settings: colour"),
    ],
)
def test_invalid_settings_are_refused(manifest, settings, message):
    with pytest.raises(CheckpointError, match=message):
        infer_config(manifest("knn_small"), settings)


def test_other_models_are_recognised_as_such():
    with pytest.raises(
        CheckpointError, match=r"these are not Point-SAM weights: .* the first tensors are image_encoder\.w"
    ):
        infer_config({"image_encoder.w": (3, 3)})


# --- round trips


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


def test_a_file_is_found_with_the_config_beside_it(model, folder):
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
def test_pytorch_files_load_nested_and_prefixed(model, weights, tmp_path, wrap, prefix, suffix):
    path = tmp_path / f"weights{suffix}"
    torch.save(wrap({prefix + name: value for name, value in weights.items()}), path)
    config = model.model.config
    assert same_weights(PointSAM.from_pretrained(checkpoint_path=path, config=config), model)


def test_image_leftovers_are_the_only_tensors_passed_over(model, weights, tmp_path):
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


def test_overwriting_the_file_does_not_reach_a_loaded_model(model, folder):
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


# --- refusals


def test_missing_unexpected_and_misshapen_tensors_are_all_named(model, weights, tmp_path):
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


def test_a_variant_that_does_not_fit_is_refused(folder):
    refused(folder, "the tensors do not fit the architecture", variant="knn_small")
    with pytest.raises(ValueError, match="no model variant is called 'huge'; known: tiny, base"):
        PointSAM.from_pretrained(checkpoint_path=folder, variant="huge")


def test_a_variants_name_beside_checkpoint_path_is_a_variant(folder):
    with pytest.raises(CheckpointError, match="the tensors do not fit the architecture"):
        PointSAM.from_pretrained("large", checkpoint_path=folder)
    with pytest.raises(ValueError, match="both name weights; give one"):
        PointSAM.from_pretrained("user/repo", checkpoint_path=folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(weights, tmp_path, value):
    weights["mask_decoder.iou_token.weight"][0, 3] = value
    safetensors.torch.save_file(weights, tmp_path / "w.safetensors")
    refused(tmp_path / "w.safetensors", r"tensor mask_decoder\.iou_token\.weight holds NaN or infinity")


def test_integer_weights_are_refused(weights, tmp_path):
    weights["mask_decoder.iou_token.weight"] = torch.zeros(1, 256, dtype=torch.int32)
    safetensors.torch.save_file(weights, tmp_path / "w.safetensors")
    refused(tmp_path / "w.safetensors", r"tensor mask_decoder\.iou_token\.weight is I32")


def test_truncated_files_are_refused(folder):
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
def test_hostile_headers_are_refused(tmp_path, header):
    if header.startswith(b'{"a'):
        header = struct.pack("<Q", len(header)) + header + bytes(8)
    (tmp_path / "w.safetensors").write_bytes(header)
    refused(tmp_path / "w.safetensors", "not a complete safetensors file|holds no tensors")


class Attack:
    def __reduce__(self):
        return (pytest.fail, ("code in a weight file was run",))


@pytest.mark.parametrize("save", [torch.save, lambda o, p: p.write_bytes(pickle.dumps(o))])
def test_code_in_a_pickle_is_not_run(tmp_path, save):
    path = tmp_path / "w.pt"
    save({"model": Attack()}, path)
    refused(path, "not a file of plain tensors")


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04 junk"])
def test_damaged_pytorch_files_are_refused(tmp_path, content):
    (tmp_path / "w.pt").write_bytes(content)
    refused(tmp_path / "w.pt", "not a")


@pytest.mark.parametrize("content", [{}, {"a": 3}, [torch.zeros(2)], {"model": {"a": {"b": torch.zeros(1)}}}])
def test_pytorch_files_without_named_tensors_are_refused(tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    refused(tmp_path / "w.pt", "holds no dictionary of tensors")


@pytest.mark.parametrize("text", ["{", '{"num_heads": 1, "wheels": 4}', "[" * 100_000])
def test_damaged_configs_are_refused(folder, text):
    (folder / "config.json").write_text(text)
    refused(folder, r"config\.json")


# --- names and paths


def test_missing_local_paths_are_not_looked_up_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "_fetch", lambda *_, **__: pytest.fail("asked the hub"))
    for name in (tmp_path / "absent", "absent.safetensors", "folder/absent.pt", "./a", "~/absent", "a/b/c", "/absent"):
        with pytest.raises(FileNotFoundError, match="no such file or folder"):
            PointSAM.from_pretrained(name)
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        PointSAM.from_pretrained(checkpoint_path="user/repo")
    with pytest.raises(FileNotFoundError, match=r"holds no model\.safetensors"):
        PointSAM.from_pretrained(tmp_path)


def test_local_files_of_other_kinds_are_refused(tmp_path):
    (tmp_path / "w.onnx").touch()
    refused(tmp_path / "w.onnx", r"weights end in \.safetensors, \.pt")


@pytest.mark.parametrize("name", ["base", "giant", "voronoi_large", "voronoi_giant"])
def test_models_without_published_weights_say_so(name):
    with pytest.raises(CheckpointError, match=f"{name!r} has no published weights; pass checkpoint_path="):
        PointSAM.from_pretrained(name)


def test_unknown_names_list_the_known_ones():
    with pytest.raises(CheckpointError, match="no model is called 'larg'; known: tiny, base, large"):
        PointSAM.from_pretrained("larg")


def test_missing_embedded_weights_are_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr("point_sam.checkpoints.sources.resources.files", lambda _: tmp_path)
    with pytest.raises(CheckpointError, match="the weights of 'tiny' are missing from this installation"):
        PointSAM.from_pretrained("tiny")


def test_embedded_weights_load_by_name(model, tmp_path, monkeypatch):
    model.save_pretrained(tmp_path / "weights", dtype="float16")
    (tmp_path / "weights" / "model.safetensors").rename(tmp_path / "weights" / "tiny.safetensors")
    monkeypatch.setattr("point_sam.checkpoints.sources.resources.files", lambda _: tmp_path)
    assert PointSAM.from_pretrained().model.config == model.model.config


def test_options_that_contradict_each_other_are_refused(folder):
    with pytest.raises(ValueError, match="give one"):
        PointSAM.from_pretrained(folder, variant="tiny", config=ModelConfig.preset("tiny"))
    with pytest.raises(ValueError, match="only applies to"):
        PointSAM.from_pretrained(folder, revision="main")
    with pytest.raises(ValueError, match="does not apply"):
        PointSAM.from_pretrained("tiny", revision="main")


# --- the hub


@pytest.fixture
def hub_at(monkeypatch, tmp_path):
    """Points huggingface_hub at an address, with an empty cache and no proxies."""
    from huggingface_hub import constants

    def point(url):
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        template = url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        return tmp_path / "cache"

    return point


@pytest.fixture
def fake_hub(hub_at, tmp_path):
    """A server on this machine that answers as the hub does for the files in a folder, and counts its answers."""
    served, log = tmp_path / "served", []
    served.mkdir()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, *, body):
            log.append((self.command, self.path))
            file = served / self.path.rsplit("/", 1)[-1]
            if not file.is_file():
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("X-Repo-Commit", "c" * 40)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            data = file.read_bytes()
            self.send_response(200)
            self.send_header("ETag", f'"{hub.sha256_of(file)}"')
            self.send_header(
                "X-Repo-Commit", self.path.split("/")[4] if len(self.path.split("/")[4]) == 40 else "c" * 40
            )
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if body:
                self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cache = hub_at(f"http://127.0.0.1:{server.server_port}")
    yield types.SimpleNamespace(served=served, log=log, cache=cache)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", ["large", "user/repo"])
def test_an_unreachable_hub_is_reported_within_three_seconds(hub_at, name):
    cache = hub_at("http://127.0.0.1:9")
    locate_once = functools.partial(locate, name, cache_dir=cache)
    start = time.monotonic()
    with pytest.raises(CheckpointError, match=r"the hub is out of reach .*pass checkpoint_path") as caught:
        locate_once()
    assert time.monotonic() - start < 3 + 2  # importing huggingface_hub for the first time may take a while here
    start = time.monotonic()
    with pytest.raises(CheckpointError):
        locate_once()
    assert time.monotonic() - start < 3
    assert "\n" not in str(caught.value)


def test_a_silent_hub_is_given_up_within_three_seconds(hub_at):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        cache = hub_at(f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        with pytest.raises(CheckpointError, match="the hub is out of reach"):
            locate("user/repo", cache_dir=cache)
        assert time.monotonic() - start < 3


def test_a_hub_repository_is_downloaded_once_and_then_offline(fake_hub, hub_at, folder, model):
    for file in folder.iterdir():
        (fake_hub.served / file.name).write_bytes(file.read_bytes())
    loaded = PointSAM.from_pretrained("user/repo", cache_dir=fake_hub.cache)
    assert same_weights(loaded, model)
    assert loaded.model.config == model.model.config

    hub_at("http://127.0.0.1:9")
    assert same_weights(PointSAM.from_pretrained("user/repo", cache_dir=fake_hub.cache), model)
    again = PointSAM.from_pretrained("user/repo", cache_dir=fake_hub.cache, local_files_only=True)
    assert same_weights(again, model)


def test_a_repository_without_config_is_fine_and_without_weights_is_not(fake_hub, folder):
    with pytest.raises(CheckpointError, match=r"user/repo has no file model\.safetensors"):
        locate("user/repo", cache_dir=fake_hub.cache)
    (fake_hub.served / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    assert locate("user/other", cache_dir=fake_hub.cache).settings is None


def test_local_files_only_never_asks(fake_hub):
    with pytest.raises(CheckpointError, match="is not in the hub cache and local_files_only is set"):
        locate("user/repo", cache_dir=fake_hub.cache, local_files_only=True)
    assert fake_hub.log == []


@pytest.fixture
def published(fake_hub):
    (fake_hub.served / "model.safetensors").write_bytes(b"0123456789")
    digest = hub.sha256_of(fake_hub.served / "model.safetensors")
    return hub.PublishedFile("user/published", "model.safetensors", "a" * 40, 10, digest)


def test_a_published_file_is_verified_once_and_cached(fake_hub, published, monkeypatch):
    path = hub.fetch_published(published, cache_dir=fake_hub.cache)
    assert path.read_bytes() == b"0123456789"
    requests = len(fake_hub.log)

    monkeypatch.setattr(hub, "sha256_of", lambda _: pytest.fail("hashed again"))
    assert hub.fetch_published(published, cache_dir=fake_hub.cache) == path
    assert len(fake_hub.log) == requests


def test_a_published_file_with_other_contents_is_refused(fake_hub, published):
    (fake_hub.served / "model.safetensors").write_bytes(b"9876543210")
    for _ in range(2):
        with pytest.raises(CheckpointError, match=r"has sha256 .*, not .*; delete it and load again"):
            hub.fetch_published(published, cache_dir=fake_hub.cache)


def test_a_published_file_of_another_size_is_refused(fake_hub, published):
    (fake_hub.served / "model.safetensors").write_bytes(b"01234")
    with pytest.raises(CheckpointError, match=r"has 5 bytes; .* has 10; delete it and load again"):
        hub.fetch_published(published, cache_dir=fake_hub.cache)


def test_large_is_pinned():
    published = MODELS["large"].published
    assert published.revision == "fb2cd5cd8047e3681491d82fc41b880a9a914fc8"
    assert (published.size, len(published.sha256)) == (1_244_245_632, 64)


# --- apex


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


def test_config_is_written_for_people(folder):
    written = json.loads((folder / "config.json").read_text())
    assert written["tokenizer"] == "knn"
    assert ModelConfig.from_dict(written) == locate_config(folder)


def locate_config(folder):
    found = locate_local(folder)
    return infer_config(files.read_weights(found.weights)[0], found.settings)
