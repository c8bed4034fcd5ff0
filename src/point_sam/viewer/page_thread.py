"""From viser's event loop to a thread that belongs to one page, which does what is asked in order."""

import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

Callback: TypeAlias = Callable[[Any], Coroutine[Any, Any, None]]
MAX_PENDING = 64  # actions that wait; more is a key that is held down


class PageThread:
    """Carries out actions one after the other.

    Args:
        name: of the thread.
        on_error: told, in the thread, what an action raised.
    """

    def __init__(self, name: str, on_error: Callable[[Exception], Any]) -> None:
        self._on_error = on_error
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._counting = threading.Lock()
        self._pending = 0

    def do(self, action: Callable[[], Any]) -> None:
        """Have it done, however much waits; after `close` nothing happens. From any thread."""
        with self._counting:
            self._pending += 1
        try:
            self._executor.submit(self._run, action)
        except RuntimeError:  # the page was closed meanwhile
            return

    def on(self, action: Callable[[], Any]) -> Callback:
        """A callback for viser that has it done, unless too much waits."""
        return self.on_event(lambda _: action())

    def on_event(self, action: Callable[[Any], Any]) -> Callback:
        """The same for an action that looks at the event."""

        async def callback(event: Any) -> None:
            if self._pending < MAX_PENDING:
                self.do(lambda: action(event))

        return callback

    def on_last(self, action: Callable[[], Any]) -> Callback:
        """Of updates that come faster than they are carried out, the last one alone."""
        waiting = threading.Event()

        def run() -> None:
            waiting.clear()
            action()

        async def callback(_: Any) -> None:
            if not waiting.is_set():
                waiting.set()
                self.do(run)

        return callback

    def close(self) -> None:
        """Do what has begun, and nothing more."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _run(self, action: Callable[[], Any]) -> None:
        with self._counting:
            self._pending -= 1
        try:
            action()
        except Exception as err:  # whatever it is, the page goes on
            self._on_error(err)
