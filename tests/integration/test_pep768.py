"""Scripts run in real interpreters by requests that we write ourselves."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from kdiag.attach import pep768
from kdiag.attach.attachment import attach
from kdiag.attach.memory import TargetMemory
from kdiag.attach.pep768.requests import Requests
from kdiag.attach.pep768.script_file import PLACES
from kdiag.attach.process import read_facts
from kdiag.errors import KdiagError
from tests.support.interpreters import each_interpreter, of_minor
from tests.support.targets import REPOSITORY, start_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.interpreters import Interpreter
    from tests.support.targets import Target

PATIENT_S = 40.0  # where a thread is to come
SAY = b"""
import json, os, sys, threading
_here = threading.current_thread()
sys.stdout.write(json.dumps({"ran": %d, "main": _here is threading.main_thread(), "uid": os.geteuid()}) + chr(10))
sys.stdout.flush()
"""
ENTER = """
import sys
from kdiag.attach import pep768
from kdiag.attach.process import read_facts
pep768.enter(read_facts(int(sys.argv[1])), sys.argv[2].encode(), within_s=60)
"""


def scripts(target: Target) -> list[str]:
    """The folders of scripts that lie in the target's root."""
    places = [target.python.root / place.lstrip("/") for place in PLACES]
    return [str(each) for place in places for each in place.glob(f".kdiag-script-{target.pid}-*")]


def pending(requests: Requests, tid: int) -> bool:
    state = requests._state(tid)
    return state is not None and requests._pending(state + requests._remote.support) == 1


def until(condition: Callable[[], object], timeout_s: float = 40.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def refused(target: Target) -> str:
    error = pep768.refusal(read_facts(target.pid))
    assert error is not None
    with pytest.raises(KdiagError) as raised:
        pep768.enter(read_facts(target.pid), SAY % 0, within_s=0.3)
    assert raised.value.reference == error.reference
    assert error.message
    assert error.hint
    return error.reference


@each_interpreter((3, 14))
def test_a_busy_main_thread_runs_a_script_beside_its_work(python: Interpreter) -> None:
    with start_target("one_runs", "main", python=python) as target:
        facts = read_facts(target.pid)
        assert pep768.refusal(facts) is None
        for number in range(5):
            pep768.enter(facts, SAY % number, within_s=PATIENT_S)
            until(lambda: len(target.lines) > number)  # noqa: B023
        assert [line["ran"] for line in target.lines] == list(range(5))
        assert not any(line["main"] for line in target.lines)
        until(lambda: not scripts(target))
        assert target.stderr == ""


@each_interpreter((3, 14))
def test_the_thread_that_runs_is_asked_while_the_main_thread_waits(python: Interpreter) -> None:
    with start_target("one_runs", "worker", python=python) as target:
        pep768.enter(read_facts(target.pid), SAY % 1, within_s=PATIENT_S)
        assert target.wait_for("ran")["main"] is False


@each_interpreter((3, 14))
@pytest.mark.parametrize("how", ["variable", "option"])
def test_what_is_switched_off_stays_off(python: Interpreter, how: str) -> None:
    env = {"PYTHON_DISABLE_REMOTE_DEBUG": "1"} if how == "variable" else {}
    if how == "option":
        python = dataclasses.replace(python, argv_prefix=(*python.argv_prefix, "-X", "disable-remote-debug"))
    with start_target("one_runs", "main", python=python, env=env) as target:
        assert refused(target) == "remote-debugging-disabled"
        assert target.lines == ()
        assert scripts(target) == []


@each_interpreter((3, 14))
def test_no_thread_runs(python: Interpreter) -> None:
    with start_target("idle_threads", python=python) as target:
        until(lambda: pep768.refusal(read_facts(target.pid)))  # it has gone to sleep
        assert refused(target) == "no-running-thread"
        assert scripts(target) == []


def test_before_314_there_is_no_such_way() -> None:
    with start_target("hot_loop", python=of_minor((3, 13))) as target:
        assert refused(target) == "pep768-unsupported"


@each_interpreter((3, 14), one_per_minor=True)
def test_a_request_that_nobody_takes_is_taken_back(python: Interpreter) -> None:
    with start_target("one_runs", "c", python=python) as target:
        facts = read_facts(target.pid)
        first: list[KdiagError] = []

        def enter() -> None:
            try:
                pep768.enter(facts, SAY % 1, within_s=2.5)
            except KdiagError as error:
                first.append(error)

        thread = threading.Thread(target=enter)
        thread.start()
        until(lambda: scripts(target))
        with pytest.raises(KdiagError) as second:  # while that one is pending, then with a request of its own
            pep768.enter(facts, SAY % 2, within_s=4.0)
        thread.join()
        assert [error.reference for error in (*first, second.value)] == ["request-not-taken"] * 2
        assert "another debugger's request is pending" in second.value.cause
        assert "it ran no Python meanwhile" in first[0].cause
        assert scripts(target) == []
        with pytest.raises(KdiagError) as third:  # a request that was left behind would be in the way
            pep768.enter(facts, SAY % 3, within_s=0.1)
        assert "pending" not in third.value.cause
        assert target.lines == ()


@each_interpreter((3, 14), one_per_minor=True)
def test_another_way_is_tried_when_nobody_comes(python: Interpreter) -> None:
    with start_target("one_runs", "c", python=python) as target:
        attachment = attach(read_facts(target.pid))
        assert attachment.method == "ptrace"
        attachment.leave()
        assert scripts(target) == []


@each_interpreter((3, 14), one_per_minor=True)
def test_a_service_may_refuse_by_an_audit_hook(python: Interpreter) -> None:
    with start_target("one_runs", "audited", python=python) as target:
        with pytest.raises(KdiagError) as error:
            pep768.enter(read_facts(target.pid), SAY % 1, within_s=PATIENT_S)
        assert error.value.reference == "script-not-run"
        assert scripts(target) == []
        assert target.lines == ()
        assert "no scripts here" in target.stderr  # the interpreter itself says so


@each_interpreter((3, 14), one_per_minor=True)
def test_a_text_that_fails_is_not_heard(python: Interpreter) -> None:
    with start_target("one_runs", "main", python=python) as target:
        facts = read_facts(target.pid)
        for text in (b"raise SystemExit(3)", b"1 / 0", b"not python", "naïve = 'ö'".encode()):
            pep768.enter(facts, text, within_s=PATIENT_S)
        pep768.enter(facts, SAY % 1, within_s=PATIENT_S)
        target.wait_for("ran")
        until(lambda: not scripts(target))
        assert target.stderr == ""


@each_interpreter((3, 14), one_per_minor=True)
def test_we_are_killed_while_a_request_is_pending(python: Interpreter) -> None:
    """The script then runs when the thread comes to it, and removes itself."""
    with start_target("main_state", "c_hash", "alone", python=python) as target:
        with TargetMemory(target.pid) as memory:
            requests = Requests(read_facts(target.pid), memory)
            for number in range(3):
                argv = [sys.executable, "-c", ENTER, str(target.pid), (SAY % number).decode()]
                with subprocess.Popen(argv, cwd=REPOSITORY, stderr=subprocess.PIPE) as host:
                    until(lambda: pending(requests, target.pid) or host.poll() is not None)
                    time.sleep(0.02 * number)
                    host.kill()
        until(lambda: not scripts(target))
        assert target.process.poll() is None
        ran = [line["ran"] for line in target.lines if "ran" in line]
        assert ran == sorted(set(ran))
        assert target.stderr == ""


@each_interpreter((3, 14), one_per_minor=True)
def test_a_process_that_has_ended_is_told(python: Interpreter) -> None:
    with start_target("one_runs", "main", python=python) as target:
        facts = read_facts(target.pid)
        target.process.kill()
        target.process.wait()
        with pytest.raises(KdiagError) as error:
            pep768.enter(facts, SAY % 1, within_s=0.1)
        assert error.value.reference == "target-ended"


@each_interpreter((3, 14), one_per_minor=True)
def test_another_user_reads_its_script(python: Interpreter) -> None:
    if not python.in_chroot:
        pytest.skip("only in a chroot is a target easily another user's")
    chroot, root, binary = python.argv_prefix
    nobody = dataclasses.replace(python, argv_prefix=(chroot, "--userspec=65534:65534", root, binary))
    with start_target("one_runs", "main", python=nobody) as target:
        pep768.enter(read_facts(target.pid), SAY % 1, within_s=PATIENT_S)
        assert target.wait_for("ran")["uid"] == 65534
        until(lambda: not scripts(target))


@each_interpreter((3, 14), one_per_minor=True)
def test_threads_are_found_in_a_pid_namespace_of_their_own(python: Interpreter) -> None:
    unshare = shutil.which("unshare")
    if not unshare or os.geteuid() != 0:
        pytest.skip("unshare --pid needs root and util-linux")
    inside = dataclasses.replace(python, argv_prefix=(unshare, "--pid", "--fork", *python.argv_prefix))
    with start_target("one_runs", "worker", python=inside) as target:
        (child,) = psutil.Process(target.root_pid).children()
        assert target.pid != child.pid
        pep768.enter(read_facts(child.pid), SAY % 1, within_s=PATIENT_S)
        assert target.wait_for("ran")["main"] is False


def account(target: Target) -> dict[str, Any]:
    """What the target says of itself when it is asked; asked again where the signal fell on deaf ears."""

    def told() -> list[dict[str, Any]]:
        return [value for line in target.lines for name, value in line.items() if name.startswith("account-")]

    before = len(told())
    for _ in range(10):
        time.sleep(0.2)  # a main thread that is just saying that it is ready must not be interrupted by the question
        os.kill(target.pid, signal.SIGUSR1)
        with contextlib.suppress(AssertionError):
            until(lambda: len(told()) > before, 4.0)
            break
    return told()[-1]


def account_alone(target: Target, before: dict[str, Any]) -> dict[str, Any]:
    """Its account when the thread of the last script, which has said its line, has ended as well."""
    after = account(target)
    for _ in range(20):
        if len(after["residue"]["threads"]) <= len(before["residue"]["threads"]):
            break
        after = account(target)
    return after


@pytest.mark.slow
@pytest.mark.timeout(600)
@each_interpreter((3, 14), one_per_minor=True)
@pytest.mark.parametrize("case", ["stress_collecting", "stress_collecting signals", "stress_convoy", "stress_churn"])
def test_many_rounds_harm_nobody(python: Interpreter, case: str) -> None:
    rounds = 20 if os.environ.get("KDIAG_SLOW") == "short" else 200
    script, *arguments = case.split()
    with start_target(script, *arguments, python=python) as target:
        facts = read_facts(target.pid)
        before = account(target)
        failed = []
        for number in range(rounds):
            try:
                pep768.enter(facts, SAY % number, within_s=PATIENT_S)
            except KdiagError as error:
                failed.append((error.reference, error.cause))
        with contextlib.suppress(AssertionError):
            until(lambda: sum("ran" in line for line in target.lines) >= rounds - len(failed))
        until(lambda: not scripts(target))
        after = account_alone(target, before)
        ran = [line["ran"] for line in target.lines if "ran" in line]
        print(json.dumps({"python": python.name, "case": case, "rounds": rounds, "failed": failed}))
        assert sorted(ran) == sorted(set(ran))
        assert len(ran) == rounds - len(failed)
        assert not failed
        assert after["right"], after
        assert after["residue"] == before["residue"]
        assert target.stderr == ""
