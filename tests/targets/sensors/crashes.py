"""Crashes on None, one function for each way in which they come to light; and those that are nobody's business."""

from __future__ import annotations

import _thread
import asyncio
import collections
import concurrent.futures
import contextlib
import functools
import gc
import logging
import multiprocessing.pool
import operator
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import part, say, sensor

logging.getLogger().addHandler(logging.NullHandler())
threading.excepthook = lambda _: None  # what would be printed is nobody's business
unraisable = threading.Event()
sys.unraisablehook = lambda _: unraisable.set()
quiet: list[bool] = []
sys.excepthook = lambda *args: quiet.pop() if quiet else sys.__excepthook__(*args)
log = logging.getLogger("shop.worker")
node: Any = None


def hooked() -> list[Any]:
    """Whatever the sensor puts something of its own in place of."""
    future, result = vars(concurrent.futures.Future), vars(multiprocessing.pool.ApplyResult)
    return [
        sys.excepthook, threading.excepthook, sys.unraisablehook, logging.getLogRecordFactory(),
        vars(asyncio.BaseEventLoop)["call_exception_handler"], vars(multiprocessing.pool.MapResult)["_set"],
        *map(future.get, ("set_exception", "result", "exception", "_get_snapshot")), *map(result.get, ("_set", "get")),
    ]  # fmt: skip


before = hooked()
executor = concurrent.futures.ThreadPoolExecutor(1)
executor.submit(int).result()
part("hooks.unasked")._ASKING_S = 60.0  # a busy machine may keep whoever asks from waiting for longer than a second
crashes = sensor("crashes")
crashes.start()
kept: list[Any] = []


class Mark(Exception):
    """An exception that can be referred to weakly, unlike those of the interpreter."""


def thread_dies() -> None:
    _ = node.name


def raw_thread_dies() -> None:
    _ = node.name


class InDel:
    def __del__(self) -> None:
        _ = node.name


async def task_dies() -> None:
    await asyncio.sleep(0)
    _ = node.name


def callback_fails() -> None:
    _ = node.name


def future_dropped() -> None:
    _ = node.name


def future_asked() -> None:
    _ = node.name


def future_in_loop() -> None:
    _ = node.name


def pool_dropped() -> None:
    _ = node.name


def pool_asked() -> None:
    _ = node.name


def logged() -> None:
    _ = node.name


def logged_and_dies() -> None:
    try:
        _ = node.name
    except AttributeError:
        log.exception("dies")
        log.exception("really")
        raise


def swallowed() -> None:
    _ = node.name


def has_cause() -> None:
    _ = node.name


def wraps_cause() -> None:
    try:
        has_cause()
    except AttributeError as exc:
        raise Mark("wrapped") from exc


def has_context() -> None:
    _ = node.name


def wraps_context() -> None:
    try:
        has_context()
    except AttributeError:
        raise KeyError("wrapped")  # noqa: B904


def hidden() -> None:
    try:
        _ = node.name
    except AttributeError:
        raise Mark("hidden") from None


def marked() -> None:
    marks.append(Mark("here"))
    refs.append(weakref.ref(marks[0]))
    raise marks.pop()


def in_group() -> None:
    _ = node.name


def in_run(function: Any, *arguments: Any) -> Any:
    """Runs a function and keeps what it raises."""
    try:
        return function(*arguments)
    except Exception as exc:
        return exc


def changes(items: Any, change: Any) -> None:
    for _ in items:
        change()


def ends_process() -> None:
    _ = node.name


def run_thread(function: Any) -> None:
    thread = threading.Thread(target=function, name=getattr(function, "__name__", ""))
    thread.start()
    thread.join()


def log_of(function: Any, *arguments: Any) -> None:
    try:
        function(*arguments)
    except BaseException:
        log.exception("failed")


async def main() -> None:
    loop = asyncio.get_running_loop()
    asyncio.ensure_future(task_dies())  # noqa: RUF006 - that is it
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()
    loop.call_soon(callback_fails)
    await asyncio.sleep(0)
    with contextlib.suppress(AttributeError):
        await loop.run_in_executor(executor, future_in_loop)


marks: list[Mark] = []
refs: list[Any] = []
observed: list[Any] = []


def observe(exc: Any, stack: Any) -> None:
    observed.append((exc.args[0], stack.tb_frame.f_code.co_name))


part("hooks.store").observers.append(observe)


run_thread(thread_dies)
_thread.start_new_thread(raw_thread_dies, ())
unraisable.wait(60)
InDel()
asyncio.run(main())
executor.submit(future_dropped)
asks: list[Any] = [
    lambda future: in_run(future.result),
    lambda future: future.exception(),
    lambda future: in_run(next(concurrent.futures.as_completed([future])).result),
]
for ask in asks:
    ask(executor.submit(future_asked))
executor.submit(int).result()
pool = multiprocessing.pool.ThreadPool(1)
pool.apply_async(pool_dropped)
in_run(pool.apply_async(pool_asked).get)
pool.map_async(lambda _: marked(), [1]).wait()
for _ in range(3):
    log_of(logged)
run_thread(logged_and_dies)
for _ in range(5):
    in_run(swallowed)
run_thread(wraps_cause)
log_of(wraps_context)
log_of(hidden)
run_thread(marked)
log_of(marked)
log_of(sys.exit)
if sys.version_info >= (3, 11):
    run_thread(
        functools.partial(exec, "raise ExceptionGroup('all', [in_run(in_group), in_run(ValueError)])", globals())
    )
for items, method, argument in (
    ({1: 1}, "update", {2: 2, 3: 3}), ({1}, "add", 2), (collections.deque([1]), "append", 2),
    (collections.OrderedDict({0: 0, 1: 1}), "update", {2: 2, 3: 3}),
):  # fmt: skip
    log_of(changes, items, functools.partial(getattr(items, method), argument))
failure = in_run(ends_process)
quiet.append(True)
sys.excepthook(type(failure), failure, failure.__traceback__)
del failure
pool.terminate()
pool.join()
del pool
gc.collect()
data = crashes.data(0)
crashes.tick()
data = crashes.data(0)
again = crashes.data(data["sequence"])
crashes.stop()
say(
    data=data, again=again["groups"], observed=observed, restored=all(map(operator.is_, before, hooked())),
    alive=sum(ref() is not None for ref in refs), hook_s=crashes.hook_s,
)  # fmt: skip
