import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError

import pytest

from point_sam.viewer.work import QueueFullError, WorkQueue


@pytest.fixture
def queue() -> Iterator[WorkQueue]:
    queue = WorkQueue(max_waiting=4)
    yield queue
    queue.close()


@pytest.fixture
def gate(queue: WorkQueue) -> Iterator[Callable[[], None]]:
    """Keeps the only worker busy until it is called."""
    event, begun = threading.Event(), threading.Event()
    queue.submit(event.wait, owner="gate", on_start=begun.set)
    assert begun.wait(10)
    yield event.set
    event.set()


def test_results_come_through_the_future(queue: WorkQueue) -> None:
    assert queue.submit(lambda: 6 * 7).result(10) == 42


def test_an_error_reaches_its_caller_and_nobody_else(queue: WorkQueue) -> None:
    failing, fine = queue.submit(lambda: 1 / 0), queue.submit(lambda: "fine")
    with pytest.raises(ZeroDivisionError):
        failing.result(10)
    assert fine.result(10) == "fine"


def test_even_an_exit_leaves_the_worker_alive(queue: WorkQueue) -> None:
    def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        queue.submit(leave).result(10)
    assert queue.submit(lambda: 1).result(10) == 1


def test_people_take_turns_and_each_keeps_their_order(queue: WorkQueue, gate: Callable[[], None]) -> None:
    done: list[str] = []
    futures = [queue.submit(lambda n=n: done.append(f"a{n}"), owner="a") for n in range(3)]
    futures += [queue.submit(lambda n=n: done.append(f"b{n}"), owner="b") for n in range(2)]
    assert queue.busy == 6
    gate()
    for future in futures:
        future.result(10)
    assert done == ["a0", "b0", "a1", "b1", "a2"]


def test_one_worker_runs_one_call_at_a_time(queue: WorkQueue) -> None:
    inside, most = 0, 0

    def call() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        threading.Event().wait(0.001)
        inside -= 1

    for future in [queue.submit(call, owner=n) for n in range(20)]:
        future.result(10)
    assert most == 1


def test_a_call_cancelled_before_its_turn_never_runs(queue: WorkQueue, gate: Callable[[], None]) -> None:
    ran = threading.Event()
    future = queue.submit(ran.set)
    assert future.cancel()
    assert queue.busy == 1
    gate()
    queue.submit(lambda: None).result(10)
    assert not ran.is_set()


def test_one_person_cannot_fill_the_queue(queue: WorkQueue, gate: Callable[[], None]) -> None:
    waiting = [queue.submit(lambda: None, owner="a") for _ in range(4)]
    with pytest.raises(QueueFullError, match="4 requests are waiting already"):
        queue.submit(lambda: None, owner="a")
    queue.submit(lambda: None, owner="b")
    waiting[0].cancel()
    queue.submit(lambda: None, owner="a")


def test_on_start_is_called_when_the_turn_has_come(queue: WorkQueue, gate: Callable[[], None]) -> None:
    begun = threading.Event()
    future = queue.submit(begun.is_set, on_start=begun.set)
    assert not begun.is_set()
    gate()
    assert future.result(10) is True


def test_a_closed_queue_cancels_what_waits_and_takes_no_more(queue: WorkQueue, gate: Callable[[], None]) -> None:
    future = queue.submit(lambda: None)
    queue.close()
    with pytest.raises(CancelledError):
        future.result(10)
    with pytest.raises(RuntimeError, match="closed"):
        queue.submit(lambda: None)


def test_a_queue_that_takes_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="max_waiting is 0"):
        WorkQueue(max_waiting=0)


def test_a_long_call_lets_short_calls_of_others_pass(queue: WorkQueue) -> None:
    done: list[str] = []
    begun, asked = threading.Event(), threading.Event()

    def search() -> None:
        assert asked.wait(10)
        queue.give_way("anna")
        done.append("search")

    futures = [queue.submit(search, owner="anna", long=True, on_start=begun.set)]
    assert begun.wait(10)
    futures.append(queue.submit(lambda: done.append("anna's click"), owner="anna"))
    futures.append(queue.submit(lambda: done.append("other search"), owner="carl", long=True))
    futures += [queue.submit(lambda n=n: done.append(f"ben's click {n}"), owner="ben") for n in range(2)]
    failing = queue.submit(lambda: 1 / 0, owner="dora")
    asked.set()
    for future in futures:
        future.result(10)
    assert done == ["ben's click 0", "ben's click 1", "search", "anna's click", "other search"]
    with pytest.raises(ZeroDivisionError):
        failing.result(10)
    assert queue.busy == 0
