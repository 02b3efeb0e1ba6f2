"""Every target of the truth table starts, becomes what it is meant to be, and is reaped."""

from __future__ import annotations

import http.client
import re
from typing import TYPE_CHECKING

import psutil
import pytest

import kdiag.demos
from tests.support.cases import running
from tests.support.interpreters import each_interpreter, of_minor
from tests.support.targets import REPOSITORY, TargetFailedError, alive, left_behind, running_marks, start_target
from tests.targets.truth import CASES, HEALTHY, Case, culprit_lines

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.interpreters import Interpreter

TARGETS = REPOSITORY / "tests/targets"
STANDARD_LIBRARY = [case for case in CASES if not case.needs]
by_name = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def start_and_reap(case: Case, python: Interpreter | None = None) -> None:
    with running(case, python) as target:
        process = psutil.Process(target.pid)
        assert alive(process)
        assert target.root_pid in {target.pid, process.ppid()}
        descendants = psutil.Process(target.root_pid).children(recursive=True)
    assert target.process.returncode is not None
    assert not [each for each in (process, *descendants) if alive(each)]


@pytest.mark.slow
@by_name
def test_target_starts_and_is_reaped(case: Case) -> None:
    start_and_reap(case)


@pytest.mark.slow
@pytest.mark.parametrize("case", STANDARD_LIBRARY, ids=lambda case: case.name)
def test_standard_library_target_runs_on_the_oldest_interpreter(case: Case) -> None:
    start_and_reap(case, of_minor((3, 9)))


@each_interpreter(one_per_minor=True)
def test_target_runs_on_every_interpreter(python: Interpreter) -> None:
    with start_target("waiting_service", python=python) as target, target.traffic(requests=3, clients=1) as traffic:
        root = psutil.Process(target.pid)
        assert target.script.read_text() == (TARGETS / "waiting_service.py").read_text()
        traffic.wait()
        assert (traffic.answered, traffic.failed) == (3, 0)
        folder = target.script.parent
    assert not alive(root)
    assert folder.exists() is not python.in_chroot


@by_name
def test_sick_targets_mark_the_line_to_blame(case: Case) -> None:
    script = TARGETS / f"{case.script}.py"
    if case.verdict != HEALTHY:
        assert culprit_lines(script)
    assert re.match(r'"""(Sick|Healthy|Sick or healthy, as its traffic wants): ', script.read_text())


# Targets that are entered, not diagnosed: the tests of getting in name them.
ENTERED = {
    "lost_update", "main_state", "odd_process", "one_runs", "probed", "registers", "stress_asyncio", "stress_churn",
    "stress_collecting", "stress_convoy", "stress_deadlocked",
}  # fmt: skip


def test_every_target_is_in_the_table() -> None:
    scripts = {path.stem for path in TARGETS.glob("[a-z]*.py")} - {"truth"} - ENTERED
    assert scripts == {case.script for case in CASES}
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("name", kdiag.demos.DEMOS)
def test_demo_is_a_target_too(name: str) -> None:
    with start_target(kdiag.demos.DEMOS[name].module, "--for", "60") as target:
        assert target.facts["pid"] == target.root_pid
        assert f"PID {target.pid}" in target.stderr


def test_demo_ends_by_itself() -> None:
    with start_target("kdiag.demos.deadlock", "--for", "0.5") as target:
        assert target.process.wait(timeout=60) == 0


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan"])
def test_demo_refuses_a_life_that_makes_no_sense(seconds: str) -> None:
    with pytest.raises(TargetFailedError, match="ended with 2"), start_target("kdiag.demos.pool", "--for", seconds):
        pass


def test_stderr_of_a_target_that_does_not_start_is_shown(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text("raise SystemExit('no licence')\n")
    with pytest.raises(TargetFailedError, match="no licence"), start_target(script):
        pass


def test_what_left_the_process_group_is_reaped_too(tmp_path: Path) -> None:
    script = tmp_path / "daemon.py"
    script.write_text(
        "import subprocess, time\n"
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        'print(\'{"ready": true, "pid": %d}\' % child.pid, flush=True)\n'
        "time.sleep(600)\n"
    )
    with start_target(script) as target:
        child = psutil.Process(target.pid)
    assert not alive(child)


def test_target_that_is_not_ended_counts_as_left_behind() -> None:
    wider = start_target("main_waits")
    narrower = start_target("forks_and_reaps")
    with wider:
        before = running_marks()
        with narrower as target:
            assert target.pid in {process.pid for process in left_behind(before)}
        assert left_behind(before) == []
        assert len(left_behind()) == 1


@each_interpreter(minimum=(3, 14), one_per_minor=True)
def test_demo_runs_in_another_root(python: Interpreter) -> None:
    with start_target("kdiag.demos.pool", "--for", "60", python=python) as target:
        assert target.facts["pid"] == target.root_pid


def test_healthy_services_answer_while_their_twins_do_not() -> None:
    with start_target("gunicorn_gthread") as target, target.traffic("/stuck", clients=10):
        target.wait_for("saturated")
        assert target.port is not None
        connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=1.0)
        connection.request("GET", "/")
        with pytest.raises(TimeoutError):
            connection.getresponse()
        connection.close()
