"""One queue for all calls of the model, so that they wait for each other and nobody else waits for them."""

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

MAX_WAITING = 64  # calls of one person; more is a key that is held down


class WorkQueue:
    """Carries out calls in threads of its own, in turn for each person: nobody waits for another's second call.

    A call that raises gives its error to its future and disturbs no other. Threads are daemons: they do not keep a
    program alive.

    Args:
        workers: calls at a time. One: two calls of the model at a time take as long as one after the other.
        max_waiting: calls that one person may have waiting.

    Raises:
        ValueError: one of them is below 1.
    """

    def __init__(self, workers: int = 1, *, max_waiting: int = MAX_WAITING) -> None:
        raise NotImplementedError

    def submit(
        self, call: Callable[[], T], *, owner: Hashable = None, on_start: Callable[[], Any] | None = None
    ) -> "Future[T]":
        """Have a call carried out.

        Args:
            call: what to do. Whoever wants to hear of its progress gives it a function to tell.
            owner: who asks; calls of one person keep their order.
            on_start: called in the worker's thread when the call's turn has come; what it raises fails the call.

        Returns:
            Its future; cancelled before its turn, the call never runs. `asyncio.wrap_future` makes it awaitable.

        Raises:
            RuntimeError: the queue is closed.
            QueueFullError: this person has too many calls waiting.
        """
        raise NotImplementedError

    def waiting(self, owner: Hashable = None) -> int:
        """Calls of this person that have not begun."""
        raise NotImplementedError

    @property
    def busy(self) -> int:
        """Calls that are running or waiting, of everybody."""
        raise NotImplementedError

    def close(self) -> None:
        """Cancel what waits and take no more; what runs is run to its end, but not waited for."""
        raise NotImplementedError


class QueueFullError(RuntimeError):
    """A person has too many calls waiting."""
