import threading
import warnings

import numpy as np
import pytest
import torch

from point_sam import EncodedCloud, ModelConfig, PointSAM
from point_sam import predictor as predictor_module
from point_sam.hardware import choose_precision
from point_sam.model import Grouping


@pytest.fixture(scope="module")
def voronoi(named_model):
    config = ModelConfig("voronoi", "eva02_fused", 64, 2, 1, 96, 32, None, patch_widths=(16, 32), mask_widths=(16, 256))
    return PointSAM(named_model(config), precision="float32")


# --- answers


def test_three_candidates_or_one_mask(model, cloud):
    model.set_pointcloud(*cloud)
    masks, scores = model.predict(prompt_point=cloud[0][5])
    assert (masks.shape, masks.dtype) == ((3, 300), np.dtype(bool))
    assert (scores.shape, scores.dtype) == ((3,), np.dtype(np.float32))

    masks, scores = model.predict(prompt_point=cloud[0][5], multimask_output=False)
    assert masks.shape == (1, 300)
    assert scores.shape == (1,)


def test_arrays_that_cannot_be_written_are_taken_without_a_warning(model, cloud):
    coords, rgb = (values.astype(np.float32) for values in cloud)
    for values in (coords, rgb):
        values.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoded = model.encode(coords, rgb)
    assert torch.equal(encoded.embeddings, model.encode(*cloud).embeddings)


def test_masks_are_where_logits_are_positive(model, cloud):
    model.set_pointcloud(*cloud)
    masks, _ = model.predict(prompt_point=cloud[0][5])
    logits, _ = model.predict(prompt_point=cloud[0][5], return_logits=True)
    assert logits.dtype == np.float32
    np.testing.assert_array_equal(masks, logits > 0)
    assert 0 < masks.mean() < 1


def test_passing_the_cloud_to_predict_is_setting_it_first(model, cloud):
    direct = model.predict(*cloud, cloud[0][5], 1, return_logits=True)[0]
    model.set_pointcloud(*cloud)
    np.testing.assert_array_equal(direct, model.predict(prompt_point=cloud[0][5], return_logits=True)[0])


def test_the_same_cloud_is_not_encoded_twice(model, cloud):
    model.predict(*cloud, cloud[0][5])
    first = model.current
    model.predict(cloud[0].tolist(), torch.from_numpy(cloud[1]), cloud[0][6])
    assert model.current is first
    model.predict(cloud[0], None, cloud[0][6])
    assert model.current is not first


def test_a_cloud_in_its_own_units_is_not_the_same_cloud_in_the_unit_ball(model, cloud):
    model.set_pointcloud(*cloud)
    expected = model.predict(prompt_point=cloud[0][5], return_logits=True)[0]
    model.set_pointcloud(*cloud, normalize=True)
    answer = model.predict(*cloud, cloud[0][5], return_logits=True)[0]
    assert not model.current.normalized
    np.testing.assert_array_equal(answer, expected)


def test_other_groups_encode_the_same_cloud_again(model, cloud):
    model.predict(*cloud, cloud[0][5])
    first = model.current
    model.adjust_patch_params(num_groups=16)
    model.predict(*cloud, cloud[0][5])
    assert model.current is not first
    assert model.current.embeddings.shape == (1, 16, 256)


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy, np.ndarray.tolist, lambda a: a.astype(np.float64)])
def test_numpy_torch_and_lists_give_the_same(model, cloud, convert):
    model.set_pointcloud(*cloud)
    expected = model.predict(prompt_point=cloud[0][[5, 6]], prompt_label=[1, 0], return_logits=True)[0]
    model.set_pointcloud(convert(cloud[0]), convert(cloud[1]))
    logits = model.predict(prompt_point=convert(cloud[0][[5, 6]]), prompt_label=(1, 0), return_logits=True)[0]
    np.testing.assert_array_equal(logits, expected)


def test_units_do_not_matter_with_normalize(model, cloud):
    coords, rgb = cloud
    model.set_pointcloud(coords, rgb, normalize=True)
    expected = model.predict(prompt_point=coords[5], return_logits=True)[0]
    # Whole metres at UTM size: exact in float64, lost in float32.
    utm = coords.astype(np.float64) * 64 + [500_000, 5_400_000, 100]
    model.set_pointcloud(utm, rgb, normalize=True)
    logits = model.predict(prompt_point=utm[5], return_logits=True)[0]
    np.testing.assert_allclose(logits, expected, atol=2e-4)


def test_without_colours_the_cloud_is_neutral_grey(model, cloud):
    model.set_pointcloud(cloud[0])
    grey = model.predict(prompt_point=cloud[0][5], return_logits=True)[0]
    model.set_pointcloud(cloud[0], np.full((300, 3), 128, np.uint8))
    np.testing.assert_array_equal(grey, model.predict(prompt_point=cloud[0][5], return_logits=True)[0])


def test_colours_matter(model, cloud):
    model.set_pointcloud(*cloud)
    colored = model.predict(prompt_point=cloud[0][5], return_logits=True)[0]
    model.set_pointcloud(cloud[0])
    assert np.abs(colored - model.predict(prompt_point=cloud[0][5], return_logits=True)[0]).max() > 1e-3


def test_one_label_counts_for_all_points(model, cloud):
    model.set_pointcloud(*cloud)
    one = model.predict(prompt_point=cloud[0][:4], prompt_label=1, return_logits=True)[0]
    four = model.predict(prompt_point=cloud[0][:4], prompt_label=[1] * 4, return_logits=True)[0]
    np.testing.assert_array_equal(one, four)


def test_mask_input_matters_and_takes_numpy_or_torch(model, cloud):
    model.set_pointcloud(*cloud)
    logits = model.predict(prompt_point=cloud[0][5], return_logits=True)[0]
    plain, *refined = (
        model.predict(prompt_point=cloud[0][5], mask_input=mask, multimask_output=False, return_logits=True)[0]
        for mask in (None, logits[0], torch.from_numpy(logits[0]), logits[:1])
    )
    assert np.abs(plain - refined[0]).max() > 1e-3
    for other in refined[1:]:
        np.testing.assert_array_equal(refined[0], other)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("kind", ["model", "voronoi"])
def test_clouds_smaller_than_any_group(kind, count, cloud, request):
    model = request.getfixturevalue(kind)
    masks, scores = model.predict(cloud[0][:count], cloud[1][:count], cloud[0][0])
    assert masks.shape == (3, count)
    assert np.isfinite(scores).all()
    assert model.current.embeddings.shape[1] == count


@pytest.mark.parametrize("kind", ["model", "voronoi"])
def test_coinciding_points(kind, request):
    model = request.getfixturevalue(kind)
    masks, scores = model.predict(np.full((40, 3), 0.25), None, [0.25, 0.25, 0.25])
    assert np.isfinite(scores).all()
    assert (masks == masks[:, :1]).all()


# --- batches


@pytest.mark.parametrize("kind", ["model", "voronoi"])
def test_a_batch_answers_as_single_prompts_do(kind, cloud, request, monkeypatch):
    model = request.getfixturevalue(kind)
    model.set_pointcloud(*cloud)
    points = cloud[0][:10].reshape(5, 2, 3)
    labels = np.array([[1, 0]] * 5)
    masks = np.random.default_rng(0).normal(size=(5, 300)).astype(np.float32)
    monkeypatch.setattr(predictor_module, "_rows_at_once", lambda *_: 2)
    logits, scores = model.predict_batch(points, labels, mask_inputs=masks, multimask_output=False)

    assert logits.shape == (5, 1, 300)
    for i in range(5):
        single, score = model.predict(
            prompt_point=points[i],
            prompt_label=labels[i],
            mask_input=masks[i],
            multimask_output=False,
            return_logits=True,
        )
        # Weights by name make float32 rounding visible: see tests/model/test_parity.py.
        np.testing.assert_allclose(logits[i], single, atol=1e-3)
        np.testing.assert_allclose(scores[i], score, atol=1e-4)


def test_chunks_shrink_as_clouds_grow(model, cloud):
    model.set_pointcloud(*cloud)
    small = predictor_module._rows_at_once(model.current, 3)
    model.set_pointcloud(np.tile(cloud[0], (100, 1)))
    assert 1 <= predictor_module._rows_at_once(model.current, 3) < small


def test_threads_may_prompt_one_encoded_cloud(model, cloud):
    encoded = model.encode(*cloud)
    points = cloud[0][:8]
    expected = [model.predict_encoded(encoded, p[None, None], [[1]])[0] for p in points]
    answers: list = [None] * 8

    def ask(i):
        answers[i] = model.predict_encoded(encoded, points[i][None, None], [[1]])[0]

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for got, want in zip(answers, expected, strict=True):
        torch.testing.assert_close(got, want)


# --- groups


def test_groups_are_adjusted_for_the_next_cloud(model, cloud):
    model.set_pointcloud(*cloud)
    model.adjust_patch_params(num_groups=20, group_size=4)
    assert model.current.embeddings.shape[1] == 32
    model.set_pointcloud(*cloud)
    assert model.current.geometry.group_index.shape == (1, 20, 4)
    model.adjust_patch_params(group_size=5)
    model.set_pointcloud(*cloud)
    assert model.current.geometry.group_index.shape == (1, 20, 5)


def test_the_grouping_is_one_value(model, cloud):
    model.adjust_patch_params(num_groups=20)
    model.set_pointcloud(*cloud)
    assert model.grouping == model.current.grouping == Grouping(20, 8)
    assert (model.num_groups, model.group_size, model.max_encoder_points) == (20, 8, None)


def test_voronoi_has_no_group_size(voronoi):
    with pytest.raises(ValueError, match="group_size 8 does not apply"):
        voronoi.adjust_patch_params(group_size=8)


@pytest.mark.parametrize("value", [0, -1, True])
def test_groups_are_positive_whole_numbers(model, value):
    with pytest.raises(ValueError, match=r"num_groups is .*; it must be a positive whole number"):
        model.adjust_patch_params(num_groups=value)


# --- encoded clouds


def test_an_encoded_cloud_survives_saving(model, cloud, tmp_path):
    coords, rgb = cloud
    encoded = model.encode(coords * 20.0 + 100.0, rgb, normalize=True)
    encoded.save(tmp_path / "cloud.safetensors")
    loaded = EncodedCloud.load(tmp_path / "cloud.safetensors")

    model.set_encoded(encoded)
    expected = model.predict(prompt_point=coords[5] * 20.0 + 100.0, return_logits=True)[0]
    model.set_encoded(loaded)
    logits = model.predict(prompt_point=coords[5] * 20.0 + 100.0, return_logits=True)[0]
    np.testing.assert_array_equal(logits, expected)
    assert loaded.is_of(coords * 20.0 + 100.0, rgb)
    assert not loaded.is_of(coords, rgb)
    assert [p.name for p in tmp_path.iterdir()] == ["cloud.safetensors"]


def test_other_weights_refuse_an_encoded_cloud(model, voronoi, cloud):
    encoded = model.encode(*cloud)
    with pytest.raises(ValueError, match="was made by other weights"):
        voronoi.set_encoded(encoded)
    with pytest.raises(ValueError, match="was made by other weights"):
        voronoi.predict_encoded(encoded, [[[0, 0, 0]]], [[1]])


def test_an_encoded_cloud_is_immutable(model, cloud):
    encoded = model.encode(*cloud)
    with pytest.raises(AttributeError):
        encoded.scale = 2.0


def test_truncated_encoded_clouds_are_refused(model, cloud, tmp_path):
    path = tmp_path / "cloud.safetensors"
    model.encode(*cloud).save(path)
    whole = path.read_bytes()
    for length in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="not a readable encoded cloud"):
            EncodedCloud.load(path)
    with pytest.raises(FileNotFoundError):
        EncodedCloud.load(tmp_path / "absent.safetensors")


def test_encoded_clouds_with_indices_out_of_range_are_refused(model, cloud, tmp_path):
    encoded = model.encode(*cloud)
    encoded.geometry.interp_index[0, 3, 1] = 10_000
    encoded.save(tmp_path / "cloud.safetensors")
    with pytest.raises(ValueError, match="interp_index is damaged"):
        EncodedCloud.load(tmp_path / "cloud.safetensors")


# --- refusals


@pytest.mark.parametrize(
    ("coords", "message"),
    [
        (np.zeros((0, 3)), "no points"),
        (np.zeros((5, 4)), r"shape \[5, 4\]"),
        (np.zeros(3), r"expected \[N, 3\]"),
        ([[0, 0, np.nan]], "NaN"),
        ([[0, 0, np.inf], [0, 0, 0]], "first at index 0"),
        ([[0, 0, 0], [0, 0, 1.1]], r"1 of 2 coords lie outside \[-1, 1\], the first at index 1: \(0, 0, 1.1\)"),
        ([["a", "b", "c"]], "expected real numbers"),
    ],
)
def test_bad_coords_are_refused(model, coords, message):
    with pytest.raises(ValueError, match=message):
        model.set_pointcloud(coords)
    assert model.current is None


@pytest.mark.parametrize(
    ("rgb", "message"),
    [
        (np.zeros((299, 3), np.uint8), r"rgb has shape \[299, 3\]; expected \[300, 3\]"),
        (np.zeros((300, 4), np.uint8), "rgb has shape"),
        (np.full((300, 3), 256.0), r"rgb lies in 256\.\.256"),
        (np.full((300, 3), -1), r"expected finite colours in 0\.\.255"),
        (np.full((300, 3), np.nan), "rgb lies in nan"),
        (np.full((300, 3), True), "rgb is bool"),
    ],
)
def test_bad_colours_are_refused(model, cloud, rgb, message):
    with pytest.raises(ValueError, match=message):
        model.set_pointcloud(cloud[0], rgb)


def test_colours_in_zero_to_one_are_warned_about(model, cloud):
    with pytest.warns(UserWarning, match=r"rgb lies in 0\.\.1"):
        model.set_pointcloud(cloud[0], cloud[1] / 255.0)


@pytest.mark.filterwarnings("error")
def test_a_black_cloud_is_not_warned_about(model, cloud):
    model.set_pointcloud(cloud[0], np.zeros((300, 3)))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({}, "prompt_point is missing"),
        (
            {"prompt_point": [1.3, 0.2, 0.0]},
            r"prompt_point \(1.3, 0.2, 0\) lies outside \[-1, 1\]; pass normalize=True",
        ),
        ({"prompt_point": [0, 0]}, r"prompt_point has shape \[2\]; expected \[3\]"),
        ({"prompt_point": np.zeros((0, 3))}, r"shape \[0, 3\]"),
        ({"prompt_point": [0, np.nan, 0]}, r"\(0, nan, 0\) is not finite"),
        ({"prompt_point": [0, 0, 0], "prompt_label": 2}, "prompt_label 2 is unknown"),
        ({"prompt_point": [0, 0, 0], "prompt_label": [1, 1]}, r"shape \[2\] for 1 prompt points"),
        ({"prompt_point": [0, 0, 0], "mask_input": np.zeros(299, np.float32)}, r"mask input has shape \[1, 299\]"),
        ({"prompt_point": [0, 0, 0], "mask_input": np.zeros(300, bool)}, "mask input is torch.bool"),
        ({"prompt_point": [0, 0, 0], "mask_input": np.full(300, np.inf)}, "NaN or infinity"),
        ({"prompt_point": [0, 0, 0], "rgb": np.zeros((300, 3))}, "rgb came without coords"),
    ],
)
def test_bad_prompts_are_refused(model, cloud, kwargs, message):
    model.set_pointcloud(*cloud)
    with pytest.raises(ValueError, match=message):
        model.predict(**kwargs)


def test_prompts_far_from_a_normalized_cloud_are_refused(model, cloud):
    model.set_pointcloud(cloud[0] * 10 + 50, cloud[1], normalize=True)
    model.predict(prompt_point=[50, 50, 50])
    with pytest.raises(ValueError, match=r"outside its bounding ball of radius .*; prompt in the cloud's own units"):
        model.predict(prompt_point=[0, 0, 0])


def test_prompting_without_a_cloud_says_what_to_do(model):
    with pytest.raises(ValueError, match=r"call set_pointcloud\(coords, rgb\), or pass coords"):
        model.predict(prompt_point=[0, 0, 0])
    with pytest.raises(ValueError, match="there is no point cloud yet"):
        model.predict_batch([[[0, 0, 0]]], [[1]])


# --- device and precision


def test_bfloat16_answers_much_like_float32(small_config, named_model, cloud):
    logits = []
    for precision in ("float32", "bfloat16"):
        model = PointSAM(named_model(small_config), precision=precision)
        model.set_pointcloud(*cloud)
        encoded = model.current
        assert encoded.embeddings.dtype == encoded.geometry.interp_weight.dtype == torch.float32
        logits.append(encoded.embeddings)
    error = (logits[1] - logits[0]).norm() / logits[0].norm()
    assert 1e-5 < error < 0.05


def test_precision_auto_follows_the_hardware(monkeypatch):
    cpu = torch.device("cpu")
    for native, expected in ((True, torch.bfloat16), (False, torch.float32)):
        for question in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
            monkeypatch.setattr(torch.cpu, question, lambda native=native: native, raising=False)
        assert choose_precision("auto", cpu) == expected


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"precision": "float16"}, "precision is 'float16'; use 'float32', 'bfloat16', 'auto'"),
        ({"device": "gpu"}, "device 'gpu' is unknown"),
        ({"device": "meta"}, "device 'meta' is not supported"),
    ],
)
def test_unknown_devices_and_precisions_are_refused(small_config, named_model, kwargs, message):
    with pytest.raises(ValueError, match=message):
        PointSAM(named_model(small_config), **kwargs)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu_is_refused_before_anything_is_loaded():
    with pytest.raises(ValueError, match=r"sees no CUDA GPU; use device='cpu'"):
        PointSAM.from_pretrained("no/such-model", device="cuda")


def test_answers_are_deterministic(model, cloud):
    first = model.predict(*cloud, cloud[0][5], return_logits=True)[0]
    model.current = None
    np.testing.assert_array_equal(first, model.predict(*cloud, cloud[0][5], return_logits=True)[0])


def test_no_gradients_are_recorded(model, cloud):
    model.set_pointcloud(*cloud)
    logits, scores = model.predict_batch(cloud[0][:2, None], [[1], [1]])
    assert not any(t.requires_grad for t in (model.current.embeddings, logits, scores))


def test_encode_all_is_encode_of_each(model, cloud):
    coords, rgb = cloud
    alone = [(coords[:50], None), (coords[:70], rgb[:70]), (coords, rgb)]  # of sizes that differ: no batches
    for encoded, given in zip(model.encode_all(alone), alone, strict=True):
        single = model.encode(*given)
        np.testing.assert_array_equal(encoded.embeddings.numpy(), single.embeddings.numpy())
        np.testing.assert_array_equal(encoded.coords, single.coords)
        assert encoded.cloud_fingerprint == single.cloud_fingerprint


def test_encode_all_of_equal_sizes_is_nearly_encode_of_each(model, cloud):
    coords, rgb = cloud
    clouds = [(coords[:100] * 7, rgb[:100]), (coords[100:150], None), (coords[200:] * 3 + 5, None)]
    for encoded, given in zip(model.encode_all(clouds, normalize=True), clouds, strict=True):
        single = model.encode(*given, normalize=True)
        np.testing.assert_allclose(encoded.embeddings.numpy(), single.embeddings.numpy(), atol=1e-5)
        np.testing.assert_array_equal(encoded.coords, single.coords)
        np.testing.assert_array_equal(encoded.center, single.center)
        assert encoded.scale == single.scale
        assert (encoded.rgb is None) == (given[1] is None)
    assert model.encode_all([]) == []
