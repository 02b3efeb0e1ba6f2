"""Results that are exceptions: held and never asked for, asked for in every way, and those of other processes."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import multiprocessing.pool
import sys
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import part, say, sensor

node: Any = None
kept: list[Any] = []


def held() -> None:
    _ = node.name


def bound_before() -> None:
    _ = node.name


def waited() -> None:
    time.sleep(0.05)
    _ = node.name


def looked_up() -> None:
    _ = node.name


def mapped(_: int) -> None:
    _ = node.name


def called_back() -> None:
    _ = node.name


def remote() -> None:
    _ = node.name


def remote_asked() -> None:
    _ = node.name


def ask(get: Any, *arguments: Any) -> None:
    with contextlib.suppress(AttributeError):
        get(*arguments)


part("hooks.unasked").GRACE_S = 0.2
part("hooks.unasked")._ASKING_S = 60.0  # a busy machine may keep whoever asks from waiting for longer than a second
fork = multiprocessing.get_context("fork")
with ProcessPoolExecutor(1, mp_context=fork) as processes, ThreadPoolExecutor(1) as executor, fork.Pool(1) as pool:
    processes.submit(int).result()
    executor.submit(int).result()
    crashes = sensor("crashes")
    crashes.start()
    kept.append(executor.submit(held))
    future: Any = executor.submit(bound_before)
    result = future.result
    ask(result)
    ask(result)
    kept.append(future)
    future = executor.submit(waited)
    waiter = threading.Thread(target=ask, args=(future.result,))
    waiter.start()
    waiter.join()
    kept.append(future)
    ask(list, executor.map(mapped, [1]))
    future = Future()
    result = future.result  # as whoever asks, and is kept from waiting until it has failed
    try:
        looked_up()
    except AttributeError as failure:
        future.set_exception(failure)
    ask(result)
    del future, result
    gc.collect()
    pool.apply_async(called_back, error_callback=kept.append)
    kept.append(processes.submit(remote))
    ask(processes.submit(remote_asked).result)
    ask(pool.apply_async(remote_asked).get)
    time.sleep(0.4)
    crashes.tick()
    gc.collect()
    data = crashes.data(0)
    crashes.stop()
say(data=data)
