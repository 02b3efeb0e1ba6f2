"""pool-exhaustion of pools whose workers are no threads: what stands still, who is to blame, and what looks like it.

The main thread is thread 1; those that have a connection come after it, then those that wait for one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kdiag.core.detectors.pool_exhaustion import detect
from kdiag.core.model import Child, Frame, Leak, ProbedPool
from tests.support.inside import with_probe
from tests.support.windows import BOOT, CONDITION_WAIT, SITE, Life, app, found, idle_main, moving, scene, stuck

if TYPE_CHECKING:
    from collections.abc import Callable

    from kdiag.core.model import Finding, NotEnoughEvidence

IN_QUEUE = (
    *CONDITION_WAIT,
    Frame(f"{SITE}/sqlalchemy/util/queue.py", 191, "Queue.get"),
    Frame(f"{SITE}/sqlalchemy/pool/impl.py", 162, "QueuePool._do_get"),
)
WAITING = [stuck(f"order-{n}", *IN_QUEUE, app(40, "order"), *BOOT) for n in range(4)]
HOLDING = [stuck(f"report-{n}", app(60, "report"), *BOOT) for n in range(2)]
BUSY = [moving(f"report-{n}", app(60, "report"), *BOOT) for n in range(2)]
POOL = ProbedPool(
    "sqlalchemy", "sqlite", 2, 4, (), (), (), id=7, lends="connection", taken=2, first=5, waiting=(4, 5, 6, 7),
    holding=(2, 3), out=(11, 12),
)  # fmt: skip
TASKS = ProbedPool(
    "concurrent.futures.process", "", 2, 3, (), (), (), id=8, taken=2, first=9, done=20, counted=True,
    runs=(app(81, "crunch"), app(81, "crunch")),
)  # fmt: skip


def look(
    holding: list[Life],
    pool: ProbedPool,
    changes: Callable[[float, ProbedPool], ProbedPool] | None = None,
    children: Callable[[float], list[Child]] | None = None,
) -> Finding | NotEnoughEvidence | None:
    def at(moment: float) -> list[ProbedPool]:
        return [changes(moment, pool) if changes else pool]

    return detect(with_probe(scene(idle_main(), *holding, *WAITING, children=children or resting), pools=at))


def resting(_: float) -> list[Child]:
    return [Child(900 + n, "python", 60.0, zombie=False, cpu_s=1.5) for n in range(2)]


def computing(at: float) -> list[Child]:
    return [*resting(at), Child(902, "python", 60.0, zombie=False, cpu_s=at)]


def test_a_full_pool_is_put_down_to_the_line_that_has_its_connections() -> None:
    finding = found(look(HOLDING, POOL))
    assert finding.title == (
        "All 2 connections of SQLAlchemy's pool 'sqlite' have been held at app.py:60 for the whole 9.5 s "
        "while 4 more wait for one"
    )
    assert (finding.severity, finding.confidence, finding.suspected) == ("critical", 0.97, False)
    assert finding.culprit is not None
    assert (finding.culprit.line, finding.culprit.thread) == (60, "report-0")
    assert [(place.role, place.line) for place in finding.places] == [("waits", 40)]
    numbers = {number.metric: (number.value, number.source) for number in finding.evidence}
    assert numbers["pool.waiting"] == (4, "probe.pools")
    assert numbers["pool.size"] == (2, "probe.pools")


def test_few_that_wait_are_a_warning() -> None:
    finding = found(look(HOLDING, replace(POOL, queued=3)))
    assert finding.severity == "warning"


def test_loans_that_change_are_no_exhaustion_however_long_somebody_waits() -> None:
    assert look(BUSY, POOL, lambda at, pool: replace(pool, out=(int(at * 2), int(at * 2) + 1))) is None


def test_without_numbers_of_loans_those_that_have_them_must_stand_still() -> None:
    unnumbered = replace(POOL, kind="urllib3", name="db:80", out=())
    assert "urllib3's pool 'db:80' have been held at app.py:60" in found(look(HOLDING, unnumbered)).title
    assert look(BUSY, unnumbered) is None
    others = lambda at, pool: replace(pool, holding=(2, 3) if at < 8 else (2,))  # noqa: E731
    assert look(HOLDING, unnumbered, others) is None


def test_nobody_waits_or_not_for_long() -> None:
    assert look(HOLDING, replace(POOL, queued=0, waiting=())) is None
    assert look(HOLDING, POOL, lambda at, pool: replace(pool, queued=0) if at == 7 else pool) is None


def test_a_leak_is_put_down_to_the_line_that_keeps_it() -> None:
    leaks = (Leak(2, "Exports.unfinished", app(31, "begin")),)
    finding = found(look([], replace(POOL, holding=(), waiting=(2, 3, 4, 5), leaks=leaks, searched=True)))
    assert "2 of them kept in Exports.unfinished at app.py:31, while 4 more wait for one: a leak" in finding.title
    assert finding.culprit is not None
    assert finding.culprit.line == 31


@pytest.mark.parametrize(("searched", "words"), [(True, "modules do not lead to them"), (False, "did not find them")])
def test_what_nobody_was_seen_to_have_is_said(searched: bool, words: str) -> None:
    finding = found(look([], replace(POOL, holding=(), waiting=(2, 3, 4, 5), leaks=(), searched=searched)))
    assert "have been out for the whole 9.5 s while 4 more wait for one at app.py:40" in finding.title
    assert "No running function or task has 2 of them, and" in finding.summary
    assert words in finding.summary
    assert finding.culprit is not None
    assert finding.culprit.line == 40


def test_those_that_wait_for_one_more_wait_for_each_other() -> None:
    both = replace(POOL, holding=(4, 5, 6, 7), nested=(4, 5, 6, 7), queued=2)
    finding = found(look(HOLDING, both))
    assert finding.severity == "critical"
    assert "they wait for each other" in finding.summary


def test_workers_in_processes_are_put_down_to_the_function_that_they_run() -> None:
    finding = found(look([], TASKS))
    assert finding.title == (
        "All 2 workers of ProcessPoolExecutor have been in crunch at app.py:81 for the whole 9.5 s "
        "while 3 more tasks stand in its queue"
    )
    assert look([], TASKS, children=computing) is None  # a long task is no jam
    assert look([], TASKS, children=lambda _: []) is None  # nobody saw whether they compute
    assert look([], TASKS, lambda at, pool: replace(pool, done=int(at))) is None
    assert look([], TASKS, lambda at, pool: replace(pool, first=int(at))) is None
    asked = found(look([], replace(TASKS, kind="multiprocessing.pool", runs=(), waiting=(2, 3, 4, 5)))).title
    assert "have ended no task for the whole 9.5 s while 3 more" in asked
    assert asked.endswith("in its queue, waited for at app.py:40")


def test_who_gives_up_waiting_and_asks_again_does_not_make_a_pool_move() -> None:
    waiting = [moving(f"order-{n}", *IN_QUEUE, app(40, "order"), *BOOT) for n in range(4)]
    asked_again = with_probe(
        scene(idle_main(), *HOLDING, *waiting), pools=lambda at: [replace(POOL, waiting=(4, 5), first=int(at))]
    )
    assert "held at app.py:60 for the whole 9.5 s while 4 more wait" in found(detect(asked_again)).title


def test_tasks_of_asyncio_are_blamed_alike() -> None:
    tasks = (("waits", 4, (app(70, "ask"),)), ("holds", 2, (app(71, "read"),)))
    pool = replace(POOL, kind="httpcore", name="", waiting=(), holding=(), out=(), tasks=tasks, done=9, counted=True)
    assert "httpx's pool have been held at app.py:71" in found(look([], pool)).title
    assert look([], pool, lambda at, pool: replace(pool, done=int(at))) is None
    assert look([], replace(pool, kind="aiohttp", counted=False)) is None  # nothing tells one use from the next


def test_a_server_that_refuses_is_full_when_the_same_requests_have_its_slots() -> None:
    tasks = (("holds", 2, (app(72, "stream"),)),)
    pool = ProbedPool(
        "uvicorn", "", 2, 0, (), (), (), id=9, lends="request slot", taken=2, out=(1, 2), tasks=tasks, counted=True
    )

    def refuses(at: float, pool: ProbedPool) -> ProbedPool:
        return replace(pool, done=int(10 * at), out=(*pool.out, 100 + int(at)))  # one that is being refused

    def look_at(changes: Callable[[float, ProbedPool], ProbedPool]) -> Finding | NotEnoughEvidence | None:
        return detect(with_probe(scene(idle_main()), pools=lambda at: [changes(at, pool)]))

    finding = found(look_at(refuses))
    assert finding.title == (
        "All 2 request slots of uvicorn's server have been held at app.py:72 for the whole 9.5 s "
        "while 95 more were refused"
    )
    assert "answered with 503" in finding.summary
    assert {number.metric for number in finding.evidence} >= {"pool.refused", "pool.size"}
    assert look_at(lambda _, pool: pool) is None  # nobody was refused
    assert look_at(lambda at, pool: replace(refuses(at, pool), out=(1, 2 + int(at)))) is None  # others have them


def test_from_outside_a_long_wait_for_a_connection_is_a_suspicion() -> None:
    finding = found(detect(scene(idle_main(), *HOLDING, *WAITING)))
    assert finding.title == (
        "4 threads have waited at app.py:40 for the whole 10.0 s for a connection of SQLAlchemy's pool: "
        "exhaustion is suspected"
    )
    assert (finding.severity, finding.suspected, finding.confidence) == ("warning", True, 0.75)
    changing = [moving(f"order-{n}", *IN_QUEUE, app(40, "order"), *BOOT) for n in range(4)]
    assert detect(scene(idle_main(), *HOLDING, *changing)) is None
