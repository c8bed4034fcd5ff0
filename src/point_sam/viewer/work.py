"""One queue for all calls of the model, so that they wait for each other and nobody else waits for them."""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

_NOBODY = object()
MAX_WAITING = 64  # calls of one person; more is a key that is held down


class QueueFullError(RuntimeError):
    """A person has too many calls waiting."""


class QueueClosedError(RuntimeError):
    """The server is going down."""


class WorkQueue:
    """Carries out calls in a thread of its own, in turn for each person: nobody waits for another's second call.

    One call at a time: two of the model's at a time take as long as one after the other.

    A long call may let others' short ones pass: see `give_way`. A call that raises gives its error to its future and
    disturbs no other. The thread is a daemon: it does not keep a program alive.

    Args:
        max_waiting: calls that one person may have waiting.

    Raises:
        ValueError: max_waiting is below 1.
    """

    def __init__(self, *, max_waiting: int = MAX_WAITING) -> None:
        if max_waiting < 1:
            raise ValueError(f"max_waiting is {max_waiting}; it must be 1 or more")
        self._max_waiting = max_waiting
        self._changed = threading.Condition()  # its lock may be taken again by who holds it
        # Whose turn it is comes first; a person leaves when nothing of theirs waits, and joins at the end.
        self._turns: OrderedDict[Hashable, deque[_Call]] = OrderedDict()
        self._running = 0
        self._closed = False
        threading.Thread(target=self._work, name="point-sam-work", daemon=True).start()

    def submit(
        self,
        call: Callable[[], T],
        *,
        owner: Hashable = None,
        on_start: Callable[[], Any] | None = None,
        long: bool = False,
    ) -> "Future[T]":
        """Have a call carried out.

        Args:
            call: what to do. Whoever wants to hear of its progress gives it a function to tell.
            owner: who asks; calls of one person keep their order.
            on_start: called in the worker's thread when the call's turn has come; what it raises fails the call.
            long: whether it takes so long that it is not done in between, see `give_way`.

        Returns:
            Its future; cancelled before its turn, the call never runs. `asyncio.wrap_future` makes it awaitable.

        Raises:
            QueueClosedError: the queue is closed.
            QueueFullError: this person has too many calls waiting.
        """
        future: Future[T] = Future()
        with self._changed:
            if self._closed:
                raise QueueClosedError("the work queue is closed; the server is going down")
            calls = self._turns.get(owner, deque())
            waiting = deque(item for item in calls if not item.future.cancelled())
            if len(waiting) >= self._max_waiting:
                raise QueueFullError(f"{len(waiting)} requests are waiting already; wait until some are answered")
            waiting.append(_Call(call, on_start, future, long))
            self._turns[owner] = waiting
            self._changed.notify()
        return future

    def give_way(self, owner: Hashable = None) -> None:
        """Carry out, in this thread, the short calls that others have waiting.

        For a long call to call where it can pause, such as where it tells its progress: clicks of other people are
        then answered between two of its batches.

        Args:
            owner: whose call gives way; their own calls keep waiting for it.
        """
        while (call := self._take(lambda other, first: other != owner and not first.long)) is not None:
            self._carry_out(call)

    @property
    def busy(self) -> int:
        """Calls that are running or waiting, of everybody."""
        with self._changed:
            waiting = sum(not call.future.cancelled() for calls in self._turns.values() for call in calls)
            return self._running + waiting

    def close(self) -> None:
        """Cancel what waits and take no more; what runs is run to its end, but not waited for."""
        with self._changed:
            self._closed = True
            dropped = [call.future for calls in self._turns.values() for call in calls]
            self._turns.clear()
            self._changed.notify_all()
        # Outside the lock: cancelling calls back whoever waits for the future.
        for future in dropped:
            future.cancel()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._turns or self._closed)
                if not self._turns:
                    return
                call = self._take(lambda owner, first: True)
            if call is not None:
                self._carry_out(call)
            del call  # nothing of the last call lives on while the next is waited for

    def _take(self, wanted: "Callable[[Hashable, _Call], bool]") -> "_Call | None":
        """The first call of the first person who has one that is wanted; their next one waits behind the others."""
        with self._changed:
            owner = next((owner for owner, calls in self._turns.items() if wanted(owner, calls[0])), _NOBODY)
            if owner is _NOBODY:
                return None
            calls = self._turns.pop(owner)
            call = calls.popleft()
            if calls:
                self._turns[owner] = calls
            self._running += 1
            return call

    def _carry_out(self, call: "_Call") -> None:
        try:
            if call.future.set_running_or_notify_cancel():
                call.carry_out()
        finally:
            with self._changed:
                self._running -= 1


@dataclass(frozen=True, eq=False)
class _Call:
    call: Callable[[], Any]
    on_start: Callable[[], Any] | None
    future: "Future[Any]"
    long: bool

    def carry_out(self) -> None:
        try:
            if self.on_start is not None:
                self.on_start()
            result = self.call()
        except BaseException as err:  # whatever it is, the thread serves others
            self.future.set_exception(err)
        else:
            self.future.set_result(result)
