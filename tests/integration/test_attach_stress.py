"""Attaching again and again to targets that check their own work: no death, no hang, no unit lost, nothing left.

`KDIAG_SLOW=short` makes fewer cycles: still more than 50 on each interpreter, over all targets and states.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.interpreters import each_interpreter
from tests.support.targets import start_target
from tests.support.visits import Ward, stay, visit

if TYPE_CHECKING:
    from tests.support.interpreters import Interpreter

SHORT = os.environ.get("KDIAG_SLOW") == "short"
CYCLES = 5 if SHORT else 50
CYCLES_IN_A_CONVOY = 2 if SHORT else 26  # there each takes seconds
STAY_S = 2.0 if SHORT else 30.0
CYCLES_IN_A_STATE = 1 if SHORT else 5

TARGETS = {
    "collecting": ("stress_collecting",),
    "signals": ("stress_collecting", "signals"),
    "convoy": ("stress_convoy",),
    "asyncio": ("stress_asyncio",),
    "deadlocked": ("stress_deadlocked",),
    "deaf": ("stress_deadlocked", "deaf"),
    "churn": ("stress_churn",),
}
STAYS = ("sleep", "join", "lock", "rlock_with_timeout", "queue_get", "condition_wait", "epoll", "select_with_timeout",
         "accept", "aio", "c_wait")  # fmt: skip
GOES_ROUND = ("busy", "short_sleeps", "c_wait_with_gil", "c_hash", "c_zlib")
ALONE = ("sleep", "lock", "epoll", "aio", "busy", "short_sleeps")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", TARGETS)
@each_interpreter()
def test_many_visits_do_no_harm(python: Interpreter, name: str) -> None:
    ours = _own_threads_and_descriptors()
    with start_target(*TARGETS[name], python=python) as target:
        ward = Ward(target, answers=name != "deaf")
        for _ in range(CYCLES_IN_A_CONVOY if name == "convoy" else CYCLES):
            visit(target.pid)
            ward.assert_unharmed(working=name not in {"deadlocked", "deaf"})
            ward.assert_clean()
    deadline = time.monotonic() + 40.0  # for what reads the target's output, and ends with it
    while any(after > before for after, before in zip(_own_threads_and_descriptors(), ours, strict=True)):
        assert time.monotonic() < deadline, f"ours: {threading.enumerate()}"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["collecting", "asyncio", "churn"])
@each_interpreter(one_per_minor=True)
def test_a_long_stay_does_no_harm(python: Interpreter, name: str) -> None:
    with start_target(*TARGETS[name], python=python) as target:
        ward = Ward(target)
        stay(target.pid, STAY_S)
        ward.assert_unharmed()
        ward.assert_clean()


@pytest.mark.slow
@pytest.mark.timeout(300)
@each_interpreter(one_per_minor=True)
@pytest.mark.parametrize("state", STAYS + GOES_ROUND)
def test_a_visit_works_whatever_the_main_thread_does(python: Interpreter, state: str) -> None:
    with start_target("main_state", state, python=python) as target:
        ward = Ward(target)
        for _ in range(CYCLES_IN_A_STATE):
            visit(target.pid)
            ward.assert_unharmed(working=state in GOES_ROUND)
            ward.assert_clean()


@pytest.mark.slow
@pytest.mark.timeout(300)
@each_interpreter(one_per_minor=True)
@pytest.mark.parametrize("state", ALONE)
def test_a_visit_works_when_there_is_only_the_main_thread(python: Interpreter, state: str) -> None:
    with start_target("main_state", state, "alone", python=python) as target:
        ward = Ward(target)
        for _ in range(CYCLES_IN_A_STATE):
            visit(target.pid, "ptrace")
            ward.assert_unharmed(working=state in GOES_ROUND)
            ward.assert_clean()


def _own_threads_and_descriptors() -> tuple[int, int]:
    return threading.active_count(), len(os.listdir("/proc/self/fd"))
