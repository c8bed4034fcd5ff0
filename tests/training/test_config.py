"""Settings: TOML and back, and what is said about mistakes."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from point_sam.training.config import (
    Optimizer,
    Output,
    Schedule,
    Stage,
    TrainConfig,
    Validation,
    parse_config,
    read_config,
    write_config,
)
from point_sam.training.optimizer import learning_rate
from point_sam.training.settings import differences, with_values

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SHARE = st.floats(0, 1)
SIZES = st.lists(st.tuples(st.integers(64, 9999), st.integers(1, 64), st.integers(1, 64)), max_size=3).map(tuple)


@st.composite
def stages(draw: st.DrawFn) -> tuple[Stage, ...]:
    ends = [*sorted(draw(st.sets(st.integers(1, 10**6), max_size=2))), 0]
    rounds = draw(st.integers(1, 9))
    return tuple(
        Stage(
            until=until,
            clouds=draw(st.integers(1, 99)),
            sizes=draw(SIZES),
            rounds=rounds,
            clickless=draw(st.integers(0, rounds - 1)),
        )
        for until in ends
    )


CONFIGS = st.builds(
    TrainConfig,
    data=TEXT,
    model=TEXT,
    scratch=st.booleans(),
    freeze=st.sampled_from(["none", "encoder", "all_but_decoder"]),
    steps=st.integers(1, 10**9),
    optimizer=st.builds(Optimizer, learning_rate=st.floats(0, 10, exclude_min=True), weight_decay=st.floats(0, 1e3)),
    schedule=st.builds(Schedule, shape=st.sampled_from(["constant", "cosine"]), final_share=SHARE),
    validation=st.builds(Validation, every=st.integers(0, 99)),
    output=st.builds(Output, tensorboard=st.booleans()),
    stages=stages(),
)


@given(CONFIGS)
def test_toml_gives_back_the_settings_it_was_written_from(config):
    assert parse_config(write_config(config)) == config


def test_the_printed_defaults_explain_every_setting():
    lines = write_config(TrainConfig()).splitlines()

    names = [i for i, line in enumerate(lines) if " = " in line and not line.startswith("#")]
    assert len(names) == 39
    assert [lines[i] for i in names if not lines[i - 1].startswith("# ")] == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("seeed = 2", "unknown setting seeed; did you mean seed?"),
        (
            "[optimizer]\nlearning_rat = 1",
            "unknown setting optimizer.learning_rat; did you mean optimizer.learning_rate?",
        ),
        ("qqq = 1", "unknown setting qqq; known: data, layout, split, model"),
        ("steps = 1.5", "steps is 1.5; it must be a whole number"),
        ("steps = true", "steps is True; it must be a whole number"),
        ("steps = 0", "steps is 0; it must be at least 1"),
        ("data = 3", "data is 3; it must be text"),
        ("freeze = 'all'", 'freeze is \'all\'; it must be "none", "encoder", "all_but_decoder"'),
        ("optimizer = 3", "optimizer is 3; it must be a table: [optimizer]"),
        ("stages = 3", "stages is 3; it must be tables: [[stages]]"),
        ("stages = []", "stages is empty; a run needs at least one [[stages]]"),
        ("[optimizer]\nlearning_rate = nan", "optimizer.learning_rate is nan; it must be a finite number"),
        ("[optimizer]\nlearning_rate = 0", "optimizer.learning_rate is 0.0; it must be above 0"),
        ("[[stages]]\nclouds = 0", "stages[0].clouds is 0; it must be at least 1"),
        (
            "[[stages]]\nrounds = 2\nclickless = 2",
            "stages[0].clickless is 2 of 2 rounds; the first round always clicks",
        ),
        ("[[stages]]\nsizes = [[64, 99, 8]]", "stages[0].sizes holds [64, 99, 8]; wanted [points, groups"),
        ("[[stages]]\nuntil = 0\n[[stages]]", "until is [0, 0] over the stages; it must rise"),
        ("[[stages]]\nuntil = 9\n[[stages]]\nuntil = 3", "until is [9, 3] over the stages; it must rise"),
        ("steps =", "not TOML ("),
        ("[[stages]]\nsolid_share = 0.5", "solid_share is no setting any more; recipes/solids mixes composed solids"),
    ],
)
def test_a_mistake_is_named_with_the_way_out(tmp_path: Path, text: str, error: str):
    (tmp_path / "train.toml").write_text(text)

    with pytest.raises(ValueError, match=r"train\.toml: ") as caught:
        read_config(tmp_path / "train.toml")

    assert str(caught.value).split("train.toml: ")[1].startswith(error)


def test_missing_file_tells_how_to_make_one(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"no such file; point-sam train --print-config > none\.toml makes one"):
        read_config(tmp_path / "none.toml")


def test_a_file_of_version_0_1_without_solids_is_read():
    config = TrainConfig(stages=(Stage(until=5), Stage(masks=9)))

    old = write_config(config).replace("strength = ", "solid_share = 0.0\nstrength = ")

    assert old.count("solid_share") == 2
    assert parse_config(old) == config


def test_a_dotted_name_changes_every_stage():
    config = TrainConfig(stages=(Stage(until=5), Stage(masks=9)))

    changed = with_values(config, {"stages.clouds": 3, "optimizer.learning_rate": 0.5, "steps": 7})

    assert [stage.clouds for stage in changed.stages] == [3, 3]
    assert (changed.stages[1].masks, changed.optimizer.learning_rate, changed.steps) == (9, 0.5, 7)
    with pytest.raises(ValueError, match=r"unknown setting optimizer\.x"):
        with_values(config, {"optimizer.x": 1})
    with pytest.raises(ValueError, match=r"optimizer\.learning_rate is -1.0; it must be above 0"):
        with_values(config, {"optimizer.learning_rate": -1.0})


def test_only_what_a_resumed_run_may_not_change_counts_as_different():
    old = TrainConfig()
    free = replace(old, steps=9, workers=7, data="elsewhere", output=Output(keep=9), accumulate=2)
    other = replace(free, seed=1, optimizer=Optimizer(weight_decay=1.0), stages=(Stage(masks=1),))

    assert differences(old, free) == []
    assert differences(old, other) == [
        "seed: 0, now 1",
        "optimizer.weight_decay: 0.05, now 1.0",
        "stages[0].masks: 4, now 1",
    ]


def test_stage_of_a_step():
    first, second = Stage(until=5), Stage(until=8, masks=2)
    config = TrainConfig(stages=(first, second))

    assert [config.stage(step) for step in (0, 4, 5, 7, 8, 99)] == [first, first, second, second, second, second]


def test_constant_rate_warms_up_stays_and_decays():
    schedule = Schedule(warmup_steps=2, decay_share=0.4)
    config = TrainConfig(steps=10, optimizer=Optimizer(learning_rate=1.0), schedule=schedule)

    rates = [learning_rate(config, step) for step in range(10)]

    assert rates == pytest.approx([0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25])


def test_cosine_falls_by_half_half_way_and_ends_at_its_final_share():
    schedule = Schedule(shape="cosine", warmup_steps=2, final_share=0.1)
    config = TrainConfig(steps=12, optimizer=Optimizer(learning_rate=2.0), schedule=schedule)

    assert learning_rate(config, 2) == 2.0
    assert learning_rate(config, 7) == pytest.approx(2 * (0.1 + 0.9 / 2))
    assert learning_rate(config, 12) == pytest.approx(0.2)
    assert learning_rate(config, 5) == pytest.approx(2 * (0.1 + 0.9 * (1 + math.cos(math.pi * 0.3)) / 2))


def test_the_recipe_of_tiny_is_one():
    config = read_config(Path(__file__).parents[2] / "recipes" / "tiny.toml")

    assert (config.model, config.scratch) == ("tiny", True)
    assert [stage.rounds for stage in config.stages] == [0, 0, 0, 3, 4, 5]
    assert config.stages[-2].until < config.steps
