import pytest

from point_sam.cli.clicks import Prompt, join_points, prompts_of


@pytest.mark.parametrize(
    ("given", "joined"),
    [
        (["f", "--point", "1", "-2", "3"], ["f", "--point", "1,-2,3"]),
        (["--point", "-1e-3", "-.5", "-3", "f"], ["--point", "-1e-3,-.5,-3", "f"]),
        (["--point", "1,2,3", "f"], ["--point", "1,2,3", "f"]),
        (["--point=1,2,3", "f"], ["--point=1,2,3", "f"]),
        (["--point", "1", "2", "--index", "3"], ["--point", "1,2", "--index", "3"]),
        (["--point", "1", "2", "-o", "3"], ["--point", "1,2", "-o", "3"]),
        (["--", "--point", "1", "2", "3"], ["--", "--point", "1", "2", "3"]),
        (["f", "--point"], ["f", "--point"]),
    ],
)
def test_three_numbers_become_one_argument(given, joined):
    assert join_points(given) == joined


def test_labels_go_to_points_first_then_to_indices():
    prompts = prompts_of(["1,2,3", "4,5,6"], [7], [1, 0, 1])

    assert prompts == [
        Prompt((1.0, 2.0, 3.0), True),
        Prompt((4.0, 5.0, 6.0), False),
        Prompt(7, True),
    ]


def test_without_labels_every_click_is_on_the_object():
    assert [prompt.positive for prompt in prompts_of(["1,2,3"], [7, 8], None)] == [True, True, True]
