"""Actions of a page: in order, not for ever, and none after the end."""

import asyncio
import threading

from point_sam.viewer.page_thread import MAX_PENDING, PageThread


def finish(thread: PageThread) -> None:
    """Until everything that was asked for is done."""
    done = threading.Event()
    thread.do(done.set)
    assert done.wait(10)


def test_actions_are_done_in_order_and_errors_told() -> None:
    seen: list[object] = []
    thread = PageThread("page", lambda err: seen.append(str(err)))

    def fail() -> None:
        raise ValueError("no")

    for action in (lambda: seen.append(1), fail, lambda: seen.append(2)):
        thread.do(action)
    finish(thread)
    assert seen == [1, "no", 2]


def test_a_key_that_is_held_down_is_not_followed_for_ever() -> None:
    thread, gate, seen = PageThread("page", print), threading.Event(), []
    thread.do(gate.wait)
    press = thread.on(lambda: seen.append(1))
    for _ in range(3 * MAX_PENDING):
        asyncio.run(press(None))
    gate.set()
    finish(thread)
    assert MAX_PENDING - 1 <= len(seen) <= MAX_PENDING


def test_of_fast_updates_the_last_counts() -> None:
    thread, gate, seen, value = PageThread("page", print), threading.Event(), [], [0]
    thread.do(gate.wait)
    update = thread.on_last(lambda: seen.append(value[0]))
    for value[0] in range(100):
        asyncio.run(update(None))
    gate.set()
    finish(thread)
    assert seen == [99]


def test_nothing_is_done_after_the_end() -> None:
    thread, seen = PageThread("page", print), []
    thread.close()
    thread.do(lambda: seen.append(1))
    assert seen == []
