"""kill -9 at any moment: of the host, whose target goes on and is clean soon; of the target, whose host is told."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from kdiag.attach.attachment import attach
from kdiag.attach.process import read_facts
from kdiag.errors import KdiagError
from tests.support.interpreters import current, each_interpreter
from tests.support.targets import REPOSITORY, start_target
from tests.support.visits import Ward, use, visit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.interpreters import Interpreter

SHORT = os.environ.get("KDIAG_SLOW") == "short"
MOMENTS = 3 if SHORT else 20  # of which many need the ten seconds of a lease
ATTACHING_S = 0.25  # about as long as it takes


@contextlib.contextmanager
def host(pid: int, way: str = "auto") -> Iterator[subprocess.Popen[str]]:
    """A host of its own that has begun to attach."""
    command = [sys.executable, "-m", "tests.support.host", str(pid), way]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "asking\n"
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("script", ["stress_collecting"] if SHORT else ["stress_collecting", "stress_asyncio"])
@each_interpreter(one_per_minor=True)
def test_a_host_killed_at_any_moment_of_attaching_leaves_nothing(python: Interpreter, script: str) -> None:
    moments = random.Random(f"{python.name} {script}")
    with start_target(script, python=python) as target:
        ward = Ward(target)
        for _ in range(MOMENTS):
            with host(target.pid, moments.choice(("auto", "ptrace"))) as process:
                time.sleep(moments.uniform(0.0, ATTACHING_S))
                process.kill()
                process.wait()
            ward.assert_unharmed()
            ward.assert_clean()
        visit(target.pid)
        ward.assert_unharmed()


def test_a_host_that_is_killed_while_it_observes_leaves_nothing() -> None:
    with start_target("stress_asyncio") as target:
        ward = Ward(target)
        with host(target.pid) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "answered\n"
        ward.assert_unharmed()
        ward.assert_clean()


@pytest.mark.parametrize("moment_s", [0.0, 0.02, 0.05, 0.1, 0.5])
def test_a_target_that_is_killed_tells_the_host(moment_s: float) -> None:
    with start_target("stress_collecting") as target:
        killer = threading.Timer(moment_s, os.kill, (target.pid, signal.SIGKILL))
        facts = read_facts(target.pid)
        killer.start()
        with pytest.raises(KdiagError) as caught:
            attachment = attach(facts)
            while True:
                use(attachment)
        killer.join()
    assert caught.value.reference in {"target-ended", "no-such-process", "pid-reused"}, caught.value.message


def test_two_hosts_share_one_probe() -> None:
    with start_target("stress_convoy") as target:
        ward = Ward(target)
        first = attach(read_facts(target.pid))
        second = attach(read_facts(target.pid))
        assert second.method == "preloaded"
        assert second.channel.hello().hosts == 2
        use(second)
        first.close()
        use(second)
        second.close()
        ward.assert_unharmed()
        ward.assert_clean()


def test_many_hosts_at_once_do_no_harm() -> None:
    errors: list[BaseException] = []

    def come(pid: int) -> None:
        try:
            for _ in range(3):
                visit(pid)
        except KdiagError as error:
            # It came while the last one was leaving: told, and harmless.
            if error.reference not in {"probe-gone", "another-kdiag"}:
                errors.append(error)

    with start_target("stress_asyncio") as target:
        ward = Ward(target)
        hosts = [threading.Thread(target=come, args=(target.pid,)) for _ in range(6)]
        for each in hosts:
            each.start()
        for each in hosts:
            each.join()
        ward.assert_unharmed()
        ward.assert_clean()
    assert not errors


def test_one_host_tells_another_to_go() -> None:
    with start_target("stress_asyncio", python=current()) as target:
        ward = Ward(target)
        first = attach(read_facts(target.pid))
        attach(read_facts(target.pid)).leave()
        with pytest.raises(KdiagError) as caught:
            use(first)
        assert caught.value.reference == "probe-gone"
        first.close()
        ward.assert_clean()
