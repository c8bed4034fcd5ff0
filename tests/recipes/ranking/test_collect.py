import numpy as np
import pytest

from point_sam.pyramid.signs import SIGNS
from recipes.ranking.collect import click_on, draw, main, picker


def test_objects_of_the_split_alone_are_drawn(collection):
    pick = picker(collection, "train")

    names = {pick(np.random.default_rng(seed)).name for seed in range(30)}

    assert names == {collection.names[index] for index in collection.split("train")}


def test_clicks_have_signs_and_true_ious_of_all_answers(model, collection):
    pick = picker(collection, "train")
    rows = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        xyz = (pick(rng).xyz[:600]).astype(np.float32)
        masks = np.stack([xyz[:, 2] > 0])
        rows += click_on(model, "object", xyz, None, masks, rng, seed)

    assert [cloud for _, cloud, _, _ in rows] == sorted(cloud for _, cloud, _, _ in rows)
    for kind, _, signs, iou in rows:
        assert kind == "object"
        assert signs.shape == (len(iou), len(SIGNS))
        assert np.isfinite(signs).all()
        assert ((iou >= 0) & (iou <= 1)).all()
    assert {int(signs[0, SIGNS.index("clicks")]) for _, _, signs, _ in rows} >= {1}


def test_a_drawn_cloud_fills_the_unit_ball_and_its_masks_are_of_it(collection):
    pick = picker(collection, "train")
    kinds = set()
    for seed in range(4):
        kind, xyz, rgb, masks = draw(np.random.default_rng(seed), pick)
        kinds.add(kind)
        assert np.linalg.norm(xyz, axis=1).max() == pytest.approx(1, abs=1e-5)
        assert rgb is None or len(rgb) == len(xyz)
        assert masks.shape[1] == len(xyz)
    assert len(kinds) > 1


def test_what_is_collected_is_read_again(model, objects_file, tmp_path, monkeypatch):
    from recipes.ranking.grow import read

    model.save_pretrained(tmp_path / "model")
    out = tmp_path / "clicks.npz"
    monkeypatch.setattr("sys.argv", ["collect", str(objects_file), "--model", str(tmp_path / "model"), "--seconds", "3",
                                     "-o", str(out)])  # fmt: skip
    monkeypatch.setattr("recipes.ranking.collect.SCENES", 0)
    monkeypatch.setattr("torch.set_num_threads", lambda _: None)

    main()
    twice = read([out, out])

    with np.load(out) as once:
        count = len(once["iou"])
        assert count > 0
        assert once["signs"].shape == (count, len(SIGNS))
    for name in ("click", "cloud"):
        assert len(np.unique(twice[name])) == 2 * len(np.unique(twice[name][:count]))
