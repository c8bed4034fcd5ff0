"""Every named setting is one that the package has."""

import numpy as np
import pytest

from benchmarks.settings import EXACT, SETTINGS, apply
from benchmarks.tasks import Plan
from point_sam import PointSAM


@pytest.mark.parametrize("name", SETTINGS)
def test_setting_answers_clicks(name, model: PointSAM, cloud: tuple[np.ndarray, np.ndarray]):
    apply(SETTINGS[name], model)
    model.set_pointcloud(*cloud)
    point = cloud[0][0]
    logits, _ = model.predict(prompt_point=point, return_logits=True)
    later, _ = model.predict(prompt_point=point, mask_input=logits[0], return_logits=True)
    assert later.shape == (3, 300)
    assert np.isfinite(later).all()


def test_the_exact_setting_leaves_no_point_out(model: PointSAM):
    model.adjust_patch_params(max_encoder_points=10)
    assert apply(SETTINGS[EXACT], model).max_encoder_points is None


def test_a_setting_is_measured_where_it_makes_a_difference():
    tasks = list(Plan(kinds=("speed",), models=("tiny",), sizes=(10_000, 1_000_000), repeats=1).tasks())
    where = {name: [task.points for task in tasks if task.who == name] for name in SETTINGS}
    assert where["auto"] == [10_000, 1_000_000]
    assert where["answers at 250k points"] == [1_000_000]
    assert where["compiled"] == []
