"""What `test_language_floor` runs on each interpreter: every part of machinery once. Python 3.9, no kdiag, no pytest.

Its argument is the folder in which the machinery lies as the package `borrowed`.
"""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from pathlib import Path

FAR_S = 3600.0


def import_all() -> None:
    """Import every module but the asyncio forms: none may bring in asyncio, nor anything that is not of Python."""
    package = importlib.import_module("borrowed")
    assert [name for name in sys.modules if name.startswith("borrowed.")] == [], "the package imports its parts"
    root = Path(package.__path__[0])
    files = [path.relative_to(root.parent).with_suffix("") for path in root.rglob("*.py")]
    found = [".".join(path.parts) for path in files if path.name != "__init__"]
    assert len(found) > 15, found
    asynchronous = [name for name in found if "aio" in name.split(".")]
    for name in sorted(set(found) - set(asynchronous)):
        importlib.import_module(name)
    assert "asyncio" not in sys.modules
    for name in asynchronous:
        importlib.import_module(name)
    foreign = [name for name in sys.modules if name.partition(".")[0] in ("kdiag", "site", "pytest")]
    assert foreign == [], foreign


def exercise_loops() -> None:
    """A group of loops under one context, retries, polls."""
    from borrowed import context, wait  # type: ignore[import-not-found]

    ctx, cancel = context.with_timeout(context.background(), FAR_S)
    group, calls = wait.Group("exercise"), []

    def f() -> None:
        calls.append(1)
        if len(calls) == 3:
            cancel()

    group.start(lambda: wait.jitter_until(f, 0.001, jitter_factor=0.5, stop=ctx))
    group.wait()
    assert len(calls) == 3
    assert wait.interrupted(ctx.err())
    wait.exponential_backoff(wait.Backoff(0.001, factor=2.0, steps=5, cap_s=0.004), lambda: len(calls) == 3)
    wait.poll_immediate(lambda: True, 0.001, 1.0)
    try:
        wait.poll_until_context_timeout(context.background(), lambda _: False, FAR_S, 0.001)
    except context.DeadlineExceeded:
        pass
    else:
        raise AssertionError("no deadline")


def exercise_fake_clock() -> None:
    """A loop on a clock that is stepped."""
    from borrowed import clock, context, wait

    fake = clock.FakeClock()
    ctx, cancel = context.with_cancel(context.with_value(context.background(), "key", "value"))
    group, times = wait.Group(), []
    group.start(lambda: wait.non_sliding_until(lambda: times.append(fake.now()), 10.0, ctx, fake))
    for _ in range(2):
        fake.block_until(1)
        fake.step(10.0)
    fake.block_until(1)
    cancel()
    group.wait()
    assert times == [0.0, 10.0, 20.0]
    assert repr(ctx) == "context.background.with_value(str).with_cancel"
    assert ctx.value("key") == "value"


def exercise_crashes() -> None:
    """A crash that is logged, recovered, and one of a foreign parent's child."""
    from borrowed import context, runtime

    records: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record.getMessage())

    logging.getLogger("borrowed.runtime").addHandler(Keep())

    @runtime.handle_crash(really_crash=False)  # type: ignore[untyped-decorator]
    def crash() -> None:
        raise ValueError("boom")

    crash()
    assert records[0].startswith("Observed a panic: ValueError('boom')\nTraceback"), records
    with runtime.recover_from_panic() as recovered:
        raise KeyError("lost")
    assert "lost" in str(recovered.error)
    assert runtime.get_caller().function
    event = threading.Event()
    ctx, _ = context.with_cancel(event)
    event.set()
    assert ctx.done.wait(30.0)


def exercise_sync() -> None:
    """Locks, a counter that is waited for, a map."""
    from borrowed import sync

    mutex, group, once, hits = sync.RWMutex("stock"), sync.WaitGroup(), sync.Once(), sync.SyncMap()
    changed, seen = sync.Cond(mutex.rlocker()), []

    def work() -> None:
        once.do(lambda: hits.store("hits", 0))
        with mutex.locker("worker"):
            hits.store("hits", hits.load("hits")[0] + 1)
        changed.broadcast()

    def watch() -> None:
        with mutex.rlocker():
            while hits.load("hits") != (4, True):
                changed.wait()
        seen.append(dict(hits.range()))

    started = [group.go(watch)]
    started += [group.go(work) for _ in range(4)]
    group.wait()
    for each in started:
        each.join(30.0)
    assert seen == [{"hits": 4}]
    assert mutex.holders() == ()


def exercise_asyncio() -> None:
    """The asynchronous forms."""
    import asyncio

    from borrowed import context
    from borrowed.wait import aio  # type: ignore[import-not-found]

    calls = []

    async def main() -> None:
        ctx, cancel = context.with_cancel(context.background())

        async def f() -> None:
            calls.append(1)
            if len(calls) == 3:
                cancel()

        async def true() -> bool:
            return True

        await aio.jitter_until(f, 0.001, jitter_factor=0.5, stop=ctx)
        await aio.poll(true, 0.001, 1.0)
        try:
            async with context.as_asyncio(ctx):
                await asyncio.sleep(FAR_S)
        except context.Cancelled:
            pass
        else:
            raise AssertionError("not cancelled")
        task = asyncio.ensure_future(aio.until(f, FAR_S, context.background()))
        await asyncio.sleep(0.001)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            calls.append(1)

    asyncio.run(main())
    assert len(calls) == 5


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    import_all()
    for part in (exercise_loops, exercise_fake_clock, exercise_crashes, exercise_sync, exercise_asyncio):
        part()
    left = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    for thread in left:
        thread.join(30.0)
        assert not thread.is_alive(), thread
    print("exercised")
