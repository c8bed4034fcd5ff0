"""A spawned process cannot import the tests, so that the work is Python's own `eval` and the tasks are expressions."""

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch

from point_sam import PointSAM, Session
from point_sam.evaluation.workers import cores_for_each, run_tasks, sendable, torch_threads
from point_sam.ops import neighbors
from point_sam.pyramid import Pyramid

EVAL = partial(partial, eval)
WHERE = "(__import__('os').getpid(), __import__('torch').get_num_threads(), {})"


def test_here_in_order_with_the_threads_given_back() -> None:
    before = torch.get_num_threads()
    tasks = [WHERE.format(number) for number in range(3)]

    found = list(run_tasks(EVAL, tasks, jobs=1, threads=1))

    assert found == [(task, (os.getpid(), 1, number)) for number, task in enumerate(tasks)]
    assert torch.get_num_threads() == before


def test_in_two_processes_every_task_once() -> None:
    tasks = [WHERE.format(number) for number in range(7)]

    found = list(run_tasks(EVAL, tasks, jobs=2, threads=1))

    assert sorted(found) == sorted((task, found_in) for task, found_in in dict(found).items())
    assert [number for _, (_, _, number) in sorted(found)] == list(range(7))
    assert {threads for _, (_, threads, _) in found} == {1}
    assert os.getpid() not in {process for _, (process, _, _) in found}


def test_clouds_are_prepared_in_no_more_threads(
    model: PointSAM, cloud: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ball's encoding too: a session encodes several at once."""
    asked: list[int] = []
    monkeypatch.setattr(
        "point_sam.predictor.ThreadPoolExecutor", lambda count: (asked.append(count), ThreadPoolExecutor(count))[1]
    )
    query = neighbors.cKDTree.query
    monkeypatch.setattr(
        neighbors,
        "cKDTree",
        type(
            "Tree",
            (neighbors.cKDTree,),
            {
                "query": lambda self, *args, workers=1, **more: (
                    asked.append(workers),
                    query(self, *args, workers=workers, **more),
                )[1]
            },
        ),
    )

    with torch_threads(1):
        Session(model, Pyramid(model, *cloud)).click(cloud[0][0])

    assert len(asked) > 2
    assert set(asked) == {1}


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_ends_it(jobs: int) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        list(run_tasks(EVAL, ["1", "int('x')", "2", "3"], jobs=jobs, threads=1))


def test_a_process_that_dies_is_told() -> None:
    with pytest.raises(ChildProcessError, match="exit code 7"):
        list(run_tasks(EVAL, ["__import__('os')._exit(7)"] * 2, jobs=2, threads=1))


def test_an_error_that_cannot_be_sent_is_told_in_words() -> None:
    local = type("Local", (Exception,), {})("only a message")

    assert str(sendable(local)) == "Local: only a message"
    assert sendable(known := ValueError("x")) is known


def test_no_tasks_need_no_work() -> None:
    assert list(run_tasks(partial(int, "no work can be made"), [], jobs=4, threads=1)) == []


def test_no_processes_and_no_threads_are_refused() -> None:
    with pytest.raises(ValueError, match="jobs is 0"):
        run_tasks(EVAL, ["1"], jobs=0, threads=1)
    with pytest.raises(ValueError, match="threads is 0"):
        run_tasks(EVAL, ["1"], jobs=1, threads=0)


def test_cores_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)

    assert [cores_for_each(jobs) for jobs in (1, 3, 8, 20)] == [8, 2, 1, 1]


def test_processes_are_gone_when_nobody_listens_any_more() -> None:
    running = run_tasks(EVAL, ["1", "__import__('time').sleep(600)"], jobs=2, threads=1)
    assert next(running) == ("1", 1)

    running.close()

    assert multiprocessing.active_children() == []
