"""Training and inference take different paths (dense or chunked); both must compute the same."""

import pytest
import torch

from point_sam.model import ModelConfig, build_geometry, mask_decoder, pointnet, prompt_encoder, tokenizers


@pytest.fixture(params=["knn", "voronoi"])
def network(request, named_model, small_config):
    if request.param == "knn":
        return named_model(small_config)
    return named_model(
        ModelConfig("voronoi", "eva02", 64, 2, 1, 96, 32, None, patch_widths=(16, 32), mask_widths=(16, 256))
    )


def answer(network, batch=2):
    generator = torch.Generator().manual_seed(0)
    coords = torch.rand(batch, 200, 3, generator=generator) * 1.1 - 0.55
    rgb = torch.rand(batch, 200, 3, generator=generator) * 255
    logits = torch.randn(batch, 200, generator=generator)
    geometry = build_geometry(coords, network.config.grouping)
    embeddings = network.encode(geometry, rgb)
    labels = torch.tensor([[1, 0]]).expand(batch, -1)
    return embeddings, *network.decode(geometry, embeddings, coords[:, :2], labels, logits, multimask_output=True)


def test_training_and_inference_compute_the_same(network):
    dense = answer(network)
    with torch.no_grad():
        chunked = answer(network)
    for a, b in zip(dense, chunked, strict=True):
        # Weights by name make float32 rounding visible: see test_parity.py.
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_chunk_sizes_do_not_matter(network, monkeypatch):
    with torch.no_grad():
        expected = answer(network)
        for module in (mask_decoder, pointnet, prompt_encoder, tokenizers):
            monkeypatch.setattr(module, "_CHUNK", 37)
        chunked = answer(network)
    for a, b in zip(chunked, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_every_parameter_gets_a_gradient(network):
    embeddings, logits, scores = answer(network)
    no_mask = network.mask_encoder.no_mask().sum()
    (embeddings.sum() + logits.square().sum() + scores.sum() + no_mask).backward()
    # The mask token and hypernetwork of the single answer, and nothing else, are idle when candidates are asked for.
    idle = {name for name, parameter in network.named_parameters() if parameter.grad is None}
    assert all(name.startswith("mask_decoder.output_hypernetworks_mlps.0.") for name in idle)


def test_clouds_of_a_batch_do_not_mix(network):
    with torch.no_grad():
        embeddings, logits, scores = answer(network)
        generator = torch.Generator().manual_seed(0)
        coords = torch.rand(2, 200, 3, generator=generator) * 1.1 - 0.55
        rgb = torch.rand(2, 200, 3, generator=generator) * 255
        mask = torch.randn(2, 200, generator=generator)
        for b in range(2):
            geometry = build_geometry(coords[b : b + 1], network.config.grouping)
            alone = network.encode(geometry, rgb[b : b + 1])
            torch.testing.assert_close(alone[0], embeddings[b], rtol=1e-4, atol=1e-4)
            single = network.decode(
                geometry, alone, coords[b : b + 1, :2], torch.tensor([[1, 0]]), mask[b : b + 1], multimask_output=True
            )
            torch.testing.assert_close(single[0][0], logits[b], rtol=1e-3, atol=1e-3)
            torch.testing.assert_close(single[1][0], scores[b], rtol=1e-3, atol=1e-3)
