"""pool-exhaustion: sick pools of every kind that is recognised, and the busy and idle ones that look like them."""

from __future__ import annotations

import pytest

from kdiag.core.detectors.pool_exhaustion import detect
from kdiag.core.model import Frame, LineFacts, ProbedPool, Wait, Window
from kdiag.core.pools import Doing, Kind, doing, pools, task_of
from kdiag.core.threads import tracks
from tests.support.inside import with_probe
from tests.support.windows import (
    ANYIO_WORKER,
    BOOT,
    CALLBACK,
    CONDITION_WAIT,
    EVENT_WAIT,
    FUTURE_RESULT,
    FUTURES_TASK,
    FUTURES_WORKER,
    GTHREAD_TASK,
    LOOP,
    MULTIPROCESSING_WORKER,
    QUEUE_GET,
    SELECT,
    SITE,
    STDLIB,
    WAITRESS_WORKER,
    Life,
    app,
    computing,
    found,
    idle_main,
    lines,
    moving,
    scene,
    stuck,
    undecided,
)

RECV = (Frame(f"{SITE}/urllib3/connection.py", 211, "HTTPConnection.getresponse"), app(41, "load_prices"))
IDLE_LOOP = Life("MainThread", (*SELECT, *LOOP), Wait.POLL, runs_per_look=3, cpu_per_look=0.001, main=True)


def workers(count: int, *task: Frame, loop: tuple[Frame, ...] = FUTURES_TASK, name: str = "orders_") -> list[Life]:
    return [stuck(f"{name}{n}", *task, *loop, wait=Wait.IO) for n in range(count)]


def test_all_workers_of_an_executor_sit_at_one_line() -> None:
    finding = found(detect(scene(idle_main(), *workers(8, *RECV))))
    assert finding.title == (
        "All 8 workers of pool 'orders' have sat at app.py:41 for the whole 10.0 s: exhaustion is suspected"
    )
    assert (finding.severity, finding.suspected) == ("warning", True)
    assert finding.culprit is not None
    assert (finding.culprit.line, finding.culprit.function, finding.culprit.object) == (41, "load_prices", "orders")
    (waits,) = finding.places
    assert (waits.role, waits.line) == ("waits", 211)
    assert len(finding.threads) == 8


@pytest.mark.parametrize(
    ("loop", "name", "called"),
    [
        (FUTURES_TASK, "ThreadPoolExecutor-0_", "pool 'ThreadPoolExecutor-0'"),
        (FUTURES_TASK, "asyncio_", "asyncio's default executor"),
        (MULTIPROCESSING_WORKER, "Thread-", "multiprocessing's ThreadPool"),
        (GTHREAD_TASK, "ThreadPoolExecutor-0_", "gunicorn's gthread pool"),
        (WAITRESS_WORKER, "waitress-", "waitress's thread pool"),
        (ANYIO_WORKER, "AnyIO worker thread", "anyio's thread pool"),
    ],
)
def test_every_kind_of_pool_is_recognised(loop: tuple[Frame, ...], name: str, called: str) -> None:
    finding = found(detect(scene(idle_main(), *workers(4, *RECV, loop=loop, name=name))))
    assert called in finding.title
    assert finding.culprit is not None
    assert finding.culprit.line == 41


def test_names_without_classes_as_on_old_versions_are_recognised() -> None:
    old = "/usr/lib/python3.9"
    loop = tuple(
        Frame(f"{old}/{file}", 1, name)
        for file, name in [
            ("concurrent/futures/thread.py", "run"), ("concurrent/futures/thread.py", "_worker"),
            ("threading.py", "run"), ("threading.py", "_bootstrap_inner"), ("threading.py", "_bootstrap"),
        ]
    )  # fmt: skip
    assert found(detect(scene(idle_main(), *workers(2, app(41), loop=loop)))).culprit is not None
    idle = workers(2, loop=loop[1:])
    assert detect(scene(idle_main(), *idle)) is None


def test_the_task_may_be_a_c_function_without_frames() -> None:
    finding = found(detect(scene(idle_main(), *workers(3))))
    assert finding.culprit is not None
    assert finding.culprit.function == "_WorkItem.run"


@pytest.mark.parametrize(
    ("loop", "wait"),
    [
        (FUTURES_WORKER, ()),
        (MULTIPROCESSING_WORKER, ()),
        (WAITRESS_WORKER, CONDITION_WAIT),
        (ANYIO_WORKER, QUEUE_GET),
    ],
)
def test_a_worker_that_waits_for_work_is_idle(loop: tuple[Frame, ...], wait: tuple[Frame, ...]) -> None:
    idle = stuck("orders_9", *wait, *loop)
    assert detect(scene(idle_main(), idle)) is None
    assert detect(scene(idle_main(), *workers(5, *RECV, loop=(*loop[:0], *loop)), idle)) is None


def test_one_idle_worker_is_enough_to_be_healthy() -> None:
    assert detect(scene(idle_main(), *workers(7, *RECV), stuck("orders_7", *FUTURES_WORKER))) is None


def test_a_pool_at_its_limit_with_fast_tasks_is_healthy() -> None:
    """All workers stand at one line in every sample, but each is put on a CPU again and again."""
    busy = [moving(f"orders_{n}", app(41), *FUTURES_TASK) for n in range(4)]
    assert detect(scene(idle_main(), *busy)) is None


def test_one_worker_that_moves_drains_the_queue() -> None:
    assert detect(scene(idle_main(), *workers(3, *RECV), moving("orders_3", app(41), *FUTURES_TASK))) is None


def test_workers_that_compute_are_not_stuck() -> None:
    busy = [computing(f"orders_{n}", app(41), *FUTURES_TASK) for n in range(4)]
    assert detect(scene(idle_main(), *busy)) is None


@pytest.mark.parametrize(
    "task",
    [
        (*QUEUE_GET, app(7, "consume")),
        (Frame(f"{STDLIB}/socket.py", 294, "socket.accept"), app(7, "serve")),
        (*SELECT, app(7, "watch")),
    ],
)
def test_consumers_are_taken_by_design(task: tuple[Frame, ...]) -> None:
    assert detect(scene(idle_main(), *workers(4, *task))) is None


def test_a_request_that_waits_in_queue_get_waits_for_a_resource() -> None:
    lives = workers(4, *QUEUE_GET, app(7, "connection"), loop=WAITRESS_WORKER, name="waitress-")
    assert found(detect(scene(idle_main(), *lives))).severity == "warning"


def test_a_nested_wait_is_critical() -> None:
    finding = found(detect(scene(idle_main(), *workers(3, *FUTURE_RESULT, app(26, "report")))))
    assert finding.severity == "critical"
    assert "nested wait on the pool itself is suspected" in finding.title
    assert finding.suspected
    (waits,) = finding.places
    assert waits.file.endswith("threading.py")


def inside(window: Window, *, queued: int | None = 0, size: int | None = 4, nested: int = 0) -> Window:
    """The window with a probe that saw the pool: the main thread is thread 1, the workers come after it."""
    count = len(window.stacks[-1].threads) - 1
    idents = tuple(range(2, 2 + count))
    pool = ProbedPool("concurrent.futures", "orders", size, queued, idents, (), idents[:nested])
    return with_probe(window, pools=lambda _: [pool])


def test_a_probe_sees_the_work_that_waits() -> None:
    finding = found(detect(inside(scene(idle_main(), *workers(4, *RECV)), queued=3)))
    assert finding.title == (
        "All 4 workers of pool 'orders' have sat at app.py:41 for the whole 10.0 s "
        "while 3 more tasks stand in its queue"
    )
    assert (finding.severity, finding.suspected, finding.confidence) == ("warning", False, 0.97)
    assert "The pool can have 4 workers." in finding.summary
    (queued,) = (number for number in finding.evidence if number.metric == "pool.waiting_per_worker")
    assert (queued.source, queued.value, queued.samples) == ("probe.pools", 0.75, 20)
    assert found(detect(inside(scene(idle_main(), *workers(4, *RECV)), queued=8))).severity == "critical"


def test_a_probe_sees_that_no_work_waits() -> None:
    assert detect(inside(scene(idle_main(), *workers(4, *RECV)), queued=0)) is None
    assert detect(inside(scene(idle_main(), *workers(3, *FUTURE_RESULT, app(26, "report"))), size=3)) is None


def test_a_probe_proves_a_nested_wait() -> None:
    nested = scene(idle_main(), *workers(3, *FUTURE_RESULT, app(26, "report")))
    finding = found(detect(inside(nested, queued=5, size=3, nested=3)))
    assert finding.title == (
        "All 3 workers of pool 'orders' have waited at app.py:26 for the whole 10.0 s "
        "for tasks that stand in the pool's own queue: a nested wait"
    )
    assert (finding.severity, finding.suspected, finding.confidence) == ("critical", False, 0.97)
    assert "3 of them were seen to wait for a future of a task in the queue" in finding.summary
    assert {number.metric: number.source for number in finding.evidence}["pool.nested"] == "probe.pools"


def test_another_pools_queue_says_nothing_of_this_one() -> None:
    window = scene(idle_main(), *workers(4, *RECV))
    other = ProbedPool("concurrent.futures", "others", 2, 0, (90, 91), (), ())
    assert found(detect(with_probe(window, pools=lambda _: [other]))).suspected


def test_a_single_worker_needs_work_that_demonstrably_waits() -> None:
    (worker,) = workers(1, *RECV)
    assert detect(scene(idle_main(), worker)) is None
    callers = [stuck(f"caller-{n}", *FUTURE_RESULT, app(80, "call"), *BOOT) for n in range(4)]
    assert detect(scene(idle_main(), worker, callers[0])) is None  # it waits for the task that runs
    finding = found(detect(scene(idle_main(), worker, *callers)))
    assert "The only worker of pool 'orders' has sat at app.py:41" in finding.title
    assert "3 more callers wait" in finding.title
    assert (finding.severity, finding.suspected) == ("critical", False)


@pytest.mark.parametrize(("backlog", "severity"), [(0, "warning"), (1, "warning"), (7, "warning"), (8, "critical")])
def test_connections_that_nobody_reads_are_work_that_waits(backlog: int, severity: str) -> None:
    lives = workers(4, *RECV, loop=WAITRESS_WORKER, name="waitress-")
    finding = found(detect(scene(idle_main(), *lives, backlog=lambda _: backlog)))
    assert finding.severity == severity
    assert ("more connection" in finding.title) == (backlog > 0)
    assert not finding.suspected  # waitress starts all of its threads at once


def test_a_backlog_that_drains_meanwhile_does_not_count() -> None:
    lives = workers(4, *RECV, loop=WAITRESS_WORKER, name="waitress-")
    finding = found(detect(scene(idle_main(), *lives, backlog=lambda at: 0 if at == 4.0 else 50)))
    assert finding.severity == "warning"


def test_anyio_is_full_at_forty_and_suspected_below() -> None:
    def outcome(count: int) -> bool:
        lives = workers(count, *RECV, loop=ANYIO_WORKER, name="AnyIO worker thread")
        return found(detect(scene(IDLE_LOOP, *lives))).suspected

    assert not outcome(40)
    assert outcome(4)


def test_a_server_with_a_worker_for_every_connection_is_not_exhausted() -> None:
    lives = workers(4, *RECV, loop=ANYIO_WORKER, name="AnyIO worker thread")
    assert detect(scene(IDLE_LOOP, *lives, connections=4)) is None
    assert found(detect(scene(IDLE_LOOP, *lives, connections=5))).suspected


@pytest.mark.parametrize("command", [("gunicorn", "--threads", "8", "shop:app"), ("gunicorn", "--threads=8", "shop")])
def test_gunicorn_may_still_start_threads(command: tuple[str, ...]) -> None:
    lives = workers(4, *RECV, loop=GTHREAD_TASK, name="ThreadPoolExecutor-0_")
    assert detect(scene(idle_main(), *lives, command=command)) is None
    more = workers(8, *RECV, loop=GTHREAD_TASK, name="ThreadPoolExecutor-0_")
    assert not found(detect(scene(idle_main(), *more, command=command))).suspected


def test_five_seconds_are_the_threshold() -> None:
    def since(looks: int) -> list[Life]:
        """Workers that came to the line when that many looks were left."""
        return [
            Life(f"orders_{n}", lambda n: (app(41 if n > 50 - looks else 12), *FUTURES_TASK), Wait.IO) for n in range(4)
        ]

    assert detect(scene(idle_main(), *since(25))) is None  # 4.8 s
    finding = found(detect(scene(idle_main(), *since(26))))  # 5.0 s
    assert "for the last 5.0 s" in finding.title
    assert finding.score == 75


def test_a_short_window_cannot_tell_yet() -> None:
    assert "too few" in undecided(detect(scene(idle_main(), *workers(4, *RECV), seconds=3.0))).reason
    idle = stuck("orders_7", *FUTURES_WORKER)
    assert detect(scene(idle_main(), *workers(4, *RECV), idle, seconds=3.0)) is None


def test_without_the_kernels_numbers_it_cannot_be_told() -> None:
    blind = [Life(f"orders_{n}", (app(41), *FUTURES_TASK), Wait.UNKNOWN, None, None) for n in range(4)]
    assert "move could not be read" in undecided(detect(scene(idle_main(), *blind))).reason
    different = [Life(f"orders_{n}", lambda n: (app(n % 7), *FUTURES_TASK), Wait.UNKNOWN, None, None) for n in range(4)]
    assert detect(scene(idle_main(), *different)) is None  # their stacks alone show that they move


def test_without_stacks_it_cannot_be_told() -> None:
    undecided(detect(scene()))


def test_two_exhausted_pools_are_both_named() -> None:
    finding = found(detect(scene(idle_main(), *workers(4, *RECV), *workers(6, app(99), name="mail_"))))
    assert "pool 'mail'" in finding.title
    assert "Also pool 'orders' is exhausted (4 workers, at app.py:41)." in finding.summary


def test_workers_at_different_lines_are_counted_by_line() -> None:
    lives = [*workers(3, app(41, "a")), stuck("orders_7", app(50, "b"), *FUTURES_TASK, wait=Wait.IO)]
    finding = found(detect(scene(idle_main(), *lives)))
    assert "3 of them at app.py:41" in finding.title
    assert [(place.line, place.role) for place in finding.places] == [(50, "waits")]


def test_the_main_thread_of_a_process_pools_worker_is_no_thread_pool() -> None:
    frames = (Frame(f"{STDLIB}/multiprocessing/pool.py", 125, "worker"), Frame("<string>", 1, "<module>"))
    assert pools(scene(Life("MainThread", frames, main=True)), tracks(scene(Life("MainThread", frames)))) == ()
    runner = (Frame(f"{SITE}/anyio/_backends/_asyncio.py", 9, "AsyncIOBackend.run"), Frame("/srv/main.py", 1, "x"))
    assert task_of(runner) is None


def test_what_a_worker_does() -> None:
    assert doing(Kind.FUTURES, ()) is Doing.IDLE
    assert doing(Kind.ANYIO, QUEUE_GET) is Doing.IDLE
    assert doing(Kind.FUTURES, (*EVENT_WAIT, app(1))) is Doing.TASK
    assert doing(Kind.FUTURES, (*FUTURE_RESULT, app(1))) is Doing.FUTURE


def test_a_loop_that_idles_beside_its_exhausted_pool_is_said() -> None:
    lives = workers(40, *RECV, loop=ANYIO_WORKER, name="AnyIO worker thread")
    assert "event loop itself is idle" in found(detect(scene(IDLE_LOOP, *lives))).summary
    blocked = Life("MainThread", (app(3), *CALLBACK), Wait.SLEEP, main=True)
    assert "idle" not in found(detect(scene(blocked, *lives))).summary


def test_the_function_gets_its_qualified_name_from_the_source() -> None:
    facts = lines((41, LineFacts("return sock.recv(64)", qualname="Prices.load_prices", call="sock.recv")))
    finding = found(detect(scene(idle_main(), *workers(8, *RECV), lines=facts)))
    assert finding.culprit is not None
    assert finding.culprit.function == "Prices.load_prices"
