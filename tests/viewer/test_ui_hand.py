"""Actions of a page: in order, not for ever, and none after the end."""

import asyncio
import threading

from point_sam.viewer.ui_hand import MAX_PENDING, Hand


def finish(hand: Hand) -> None:
    """Until everything that was asked for is done."""
    done = threading.Event()
    hand.do(done.set)
    assert done.wait(10)


def test_actions_are_done_in_order_and_errors_told() -> None:
    seen: list[object] = []
    hand = Hand("page", lambda err: seen.append(str(err)))

    def fail() -> None:
        raise ValueError("no")

    for action in (lambda: seen.append(1), fail, lambda: seen.append(2)):
        hand.do(action)
    finish(hand)
    assert seen == [1, "no", 2]


def test_a_key_that_is_held_down_is_not_followed_for_ever() -> None:
    hand, gate, seen = Hand("page", print), threading.Event(), []
    hand.do(gate.wait)
    press = hand.on(lambda: seen.append(1))
    for _ in range(3 * MAX_PENDING):
        asyncio.run(press(None))
    gate.set()
    finish(hand)
    assert MAX_PENDING - 1 <= len(seen) <= MAX_PENDING


def test_of_fast_updates_the_last_counts() -> None:
    hand, gate, seen, value = Hand("page", print), threading.Event(), [], [0]
    hand.do(gate.wait)
    update = hand.on_last(lambda: seen.append(value[0]))
    for value[0] in range(100):
        asyncio.run(update(None))
    gate.set()
    finish(hand)
    assert seen == [99]


def test_nothing_is_done_after_the_end() -> None:
    hand, seen = Hand("page", print), []
    hand.close()
    hand.do(lambda: seen.append(1))
    assert seen == []
