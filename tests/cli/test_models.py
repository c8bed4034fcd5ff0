import json

from point_sam.checkpoints import MODELS


def test_every_named_model_is_listed_with_its_size(run):
    models = {model["name"]: model for model in json.loads(run("models", "--json").stdout)["models"]}

    assert list(models) == list(MODELS)
    assert models["tiny"]["parameters"] <= 10_000_000
    assert models["tiny"]["weights"] == "embedded"
    assert models["large"]["weights"] == "hub"
    assert models["giant"]["weights"] is None
    licences = {name: model["license"] for name, model in models.items() if model["weights"] is not None}
    assert licences == {"tiny": "MIT", "large": "Apache-2.0"}
    # Of the published file's 1,244,245,632 bytes all but headers and timm's unused image parts are these, in float32.
    assert 0.985 < models["large"]["parameters"] * 4 / 1_244_245_632 < 1


def test_table_shows_names_and_sources(run):
    lines = run("models").stdout.splitlines()

    assert any("voronoi_giant" in line and "no published weights" in line for line in lines)
    assert any("tiny" in line and "inside the package" in line for line in lines)
