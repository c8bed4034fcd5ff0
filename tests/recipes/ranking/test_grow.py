import builtins

import numpy as np
import pytest

from recipes.ranking.grow import grow


def data():
    rng = np.random.default_rng(0)
    signs = rng.uniform(0, 1, (600, 25)).astype(np.float32)
    return signs, np.where(signs[:, 3] > 0.5, 0.9, 0.1).astype(np.float32), np.repeat(np.arange(100), 6)


def test_grown_trees_predict_what_they_were_grown_on():
    pytest.importorskip("sklearn")
    signs, iou, click = data()

    predicted = grow(signs, iou, click).predict(signs)

    assert np.abs(predicted - iou).mean() < 0.05


def test_without_scikit_learn_the_package_to_install_is_named(monkeypatch):
    known = builtins.__import__

    def without(name, *args, **more):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return known(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", without)

    with pytest.raises(ImportError, match="pip install scikit-learn"):
        grow(*data())
