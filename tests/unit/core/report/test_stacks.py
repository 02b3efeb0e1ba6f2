"""All threads of one look, alike ones together."""

from __future__ import annotations

import pytest

from kdiag.core.model import Frame, LineFacts, ProbedWait, StackSample, ThreadSample, Wait
from kdiag.core.report import stacks
from kdiag.core.report.style import PLAIN

DB = Frame("/srv/app/db.py", 41, "checkout")
HANDLER = Frame("/srv/app/web.py", 12, "handle")
SPIN = Frame("/srv/app/spin.py", 3, "spin")
LINES = {("/srv/app/db.py", 41): LineFacts("with self._lock:")}


def thread(number: int, name: str, *frames: Frame, wait: Wait = Wait.LOCK, holds_gil: bool = False) -> ThreadSample:
    return ThreadSample(number, number, name, frames, holds_gil, wait)


SAMPLE = StackSample(
    1.0,
    (
        thread(1, "MainThread", Frame("/usr/lib/python3.11/selectors.py", 468, "select"), wait=Wait.POLL),
        thread(2, "pool_0", DB, HANDLER),
        thread(3, "pool_1", DB, HANDLER),
        thread(4, "pool_2", DB, HANDLER),
        thread(5, "spinner", SPIN, wait=Wait.RUNNING, holds_gil=True),
        thread(6, "", SPIN, wait=Wait.GIL),
    ),
    took_s=0.03,
)


def test_alike_threads_share_one_entry() -> None:
    assert (
        "\n".join(stacks.render(SAMPLE, LINES, PLAIN, 80))
        == """\
6 threads; GIL held by spinner

1 thread: spinner [running, holds the GIL]
  /srv/app/spin.py:3  spin

1 thread: thread 6 [waiting for the GIL]
  /srv/app/spin.py:3  spin

3 threads: pool_0, pool_1, pool_2 [waiting for a lock]
  /srv/app/db.py:41  checkout
      with self._lock:
  /srv/app/web.py:12  handle

1 thread: MainThread [waiting for events]
  /usr/lib/python3.11/selectors.py:468  select"""
    )


def test_many_threads_are_counted_rather_than_listed() -> None:
    crowd = StackSample(1.0, tuple(thread(n, f"pool_{n}", DB) for n in range(2000)))
    shown = list(stacks.render(crowd, LINES, PLAIN, 60))
    assert shown[2:4] == [
        "2000 threads: pool_0, pool_1, pool_2, pool_3, pool_4,",
        "  pool_5, pool_6, pool_7 and 1992 more [waiting for a lock]",
    ]
    assert len(stacks.to_json(crowd)["stacks"][0]["threads"]) == 2000


def test_a_thread_without_frames_says_so() -> None:
    shown = list(stacks.render(StackSample(1.0, (thread(7, "native", wait=Wait.UNKNOWN),))))
    assert shown[2:] == ["1 thread: native [state not seen]", "  (no Python frames)"]


def test_the_collector_is_told_when_somebody_looked() -> None:
    first = [next(stacks.render(SAMPLE, collecting=seen)) for seen in (None, True, False)]
    assert first == [
        "6 threads; GIL held by spinner",
        "6 threads; GIL held by spinner; a garbage collection was under way",
        "6 threads; GIL held by spinner; no garbage collection",
    ]
    assert next(stacks.render(StackSample(1.0, ()))) == "0 threads; nobody held the GIL"


def library(*functions: tuple[str, str]) -> tuple[Frame, ...]:
    return tuple(Frame(f"/usr/lib/python3.11/{file}", 1, function) for file, function in functions)


START = library(("threading.py", "run"), ("threading.py", "_bootstrap_inner"), ("threading.py", "_bootstrap"))


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ((*library(("concurrent/futures/thread.py", "_worker")), *START), "idle, waiting for work"),
        (library(("queue.py", "get")), "waiting for a queue"),
        (library(("threading.py", "wait"), ("threading.py", "wait")), "waiting for an event"),
        (library(("threading.py", "wait"), ("concurrent/futures/_base.py", "result")), "waiting for a result"),
        (library(("threading.py", "_wait_for_tstate_lock"), ("threading.py", "join")), "waiting for others to end"),
        ((DB, *library(("concurrent/futures/thread.py", "_worker")), *START), "waiting for a lock"),
        ((), "waiting for a lock"),
    ],
)
def test_a_futex_is_called_what_the_frames_say_it_is(frames: tuple[Frame, ...], words: str) -> None:
    assert stacks.state(thread(1, "t", *frames)) == words
    assert stacks.state(thread(1, "t", *frames, wait=Wait.RUNNING)) == "running"


def test_as_data() -> None:
    data = stacks.to_json(SAMPLE, LINES, collecting=False)
    assert {key: value for key, value in data.items() if key != "stacks"} == {
        "schema": "kdiag.stacks/v1",
        "tool": "py-spy",
        "took_ms": 30.0,
        "target_pause_ms": 0.0,
        "threads": 6,
        "gil_holder": "spinner",
        "collecting": False,
        "waits": [],
    }
    assert data["stacks"][2]["frames"][0] == {
        "file": "/srv/app/db.py",
        "line": 41,
        "function": "checkout",
        "native": False,
        "source": "with self._lock:",
    }


HELD = Frame("/srv/app/web.py", 30, "hold")


@pytest.mark.parametrize(
    ("wait", "words"),
    [
        (
            ProbedWait("lock", 9, "Stock.lock", 5, HELD, 0),
            "the lock Stock.lock, held by spinner, taken at /srv/app/web.py:30",
        ),
        (ProbedWait("rlock", 9, "Stock.lock", 5, None, 0), "the lock Stock.lock, held by spinner"),
        (ProbedWait("lock", 9, "", 5, None, 0), "the lock, held by spinner"),
        (ProbedWait("lock", 9, "LOCK", 0, None, 0, tasks=(7,)), "the lock LOCK, held by a task of asyncio's"),
        (ProbedWait("queue", 9, "shop.ORDERS", 0, None, 0), "the queue shop.ORDERS"),
        (
            ProbedWait("lock", 9, "Stock.lock", 5, None, 0, sure=False),
            "the lock Stock.lock, most likely held by spinner",
        ),
        (ProbedWait("future", 9, "answer", 77, None, 0), "the result answer"),
        (ProbedWait("future", 9, "answer", 5, None, 0), "the result answer, to come from spinner"),
        (ProbedWait("thread", 9, "", 5, None, 0), "spinner to end"),
        (ProbedWait("event", 9, "", 0, None, 0), "a lock"),
    ],
)
def test_the_probe_knows_which_lock_it_is_and_who_holds_it(wait: ProbedWait, words: str) -> None:
    states = {group.state for group in stacks.groups(SAMPLE, {3: wait}) if "pool_1" in group.threads}
    assert states == {f"waiting for {words}"}


def test_a_worker_without_work_is_idle_whatever_it_waits_for() -> None:
    worker = thread(1, "pool_0", *library(("concurrent/futures/thread.py", "_worker")), *START)
    (group,) = stacks.groups(StackSample(1.0, (worker,)), {1: ProbedWait("queue", 9, "work_queue", 0, None, 0)})
    assert group.state == "idle, waiting for work"


def test_waits_as_data() -> None:
    wait = ProbedWait("lock", 9, "Stock.lock", 5, HELD, 0)
    assert stacks.to_json(SAMPLE, waits={3: wait})["waits"] == [
        {
            "thread": "pool_1",
            "kind": "lock",
            "name": "Stock.lock",
            "owner": "spinner",
            "held_at": {"file": "/srv/app/web.py", "line": 30, "function": "hold"},
        }
    ]


def test_the_access_is_said() -> None:
    assert next(stacks.render(SAMPLE, access="seen from outside")).endswith("; seen from outside")
    inside = StackSample(1.0, SAMPLE.threads, tool="probe")
    assert next(stacks.render(inside, access="seen by the probe only")) == "6 threads; seen by the probe only"
