"""The same work for many objects, in this process or in several that are started afresh.

Every process works with the same number of threads, so that what comes out does not depend on how many processes there
are: sums of floats change with the threads that share them.
"""

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import torch

_T = TypeVar("_T")
_R = TypeVar("_R")


def run_tasks(
    make_work: Callable[[], Callable[[_T], _R]], tasks: Sequence[_T], *, jobs: int, threads: int
) -> Generator[tuple[_T, _R], None, None]:
    """Each task with its result, in the order in which they come.

    Args:
        make_work: builds, once in each process, the function that does one task. With `jobs` over 1 it must be
            picklable, as must be tasks and results.
        tasks: what to do.
        jobs: processes, at least 1; 1 works in this process.
        threads: of torch, in each of them, at least 1.

    Raises:
        ValueError: `jobs` or `threads` is below 1.
        ChildProcessError: a process died (out of memory, killed).
        Exception: whatever the work raises; the other processes are then ended.
    """
    for name, value in (("jobs", jobs), ("threads", threads)):
        if value < 1:
            raise ValueError(f"{name} is {value}; at least 1 is needed")
    jobs = min(jobs, len(tasks))
    return _run_spawned(make_work, tasks, jobs, threads) if jobs > 1 else _run_here(make_work, tasks, threads)


def cores_for_each(jobs: int) -> int:
    """The cores that each of so many processes has to itself, at least 1. More threads only wait for each other."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // max(1, jobs))


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch work with so many threads meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _run_here(
    make_work: Callable[[], Callable[[_T], _R]], tasks: Sequence[_T], threads: int
) -> Generator[tuple[_T, _R], None, None]:
    if tasks:
        with torch_threads(threads):
            work = make_work()
            for task in tasks:
                yield task, work(task)


def _run_spawned(
    make_work: Callable[[], Callable[[_T], _R]], tasks: Sequence[_T], jobs: int, threads: int
) -> Generator[tuple[_T, _R], None, None]:
    context = multiprocessing.get_context("spawn")  # a forked torch hangs, on CUDA and with OpenMP
    pool = ProcessPoolExecutor(jobs, context, _prepare, (make_work, threads))
    others, workers = multiprocessing.active_children(), []
    try:
        with _interrupts_ignored():
            waiting: dict[Future[_R], _T] = {pool.submit(_do, task): task for task in tasks}
        workers = [process for process in multiprocessing.active_children() if process not in others]
        for done in as_completed(waiting):
            yield waiting[done], done.result()
    except BrokenProcessPool:
        pool.shutdown()  # ends the others with SIGTERM, and waits for all
        code = next((process.exitcode for process in workers if process.exitcode != -signal.SIGTERM), "unknown")
        raise ChildProcessError(
            f"a working process ended with exit code {code}, perhaps for want of memory; use fewer jobs"
        ) from None
    finally:
        for process in workers:
            process.terminate()
        pool.shutdown(cancel_futures=True)


def _prepare(make_work: Callable[[], Callable[[Any], Any]], threads: int) -> None:
    """The start of a process."""
    global _work
    torch.set_num_threads(threads)
    _work = cache(make_work)  # with the first task, so that what goes wrong is that task's error


_work: Callable[[], Callable[[Any], Any]]


def _do(task: Any) -> Any:
    try:
        return _work()(task)
    except Exception as err:
        raise sendable(err) from None


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Processes started meanwhile never see Ctrl-C, which a terminal sends to all of them: the parent ends them."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set this
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)


def sendable(err: Exception) -> Exception:
    """The error, or where it cannot be sent to another process one with the same words."""
    try:
        pickle.loads(pickle.dumps(err))
    except Exception:  # an exception may refuse to be pickled, or to be made again, with any other
        return RuntimeError(f"{type(err).__name__}: {err}")
    return err
