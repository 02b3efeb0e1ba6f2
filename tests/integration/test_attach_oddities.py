"""Attaching to processes with an oddity each: it works, or is refused by name; nothing is harmed or left."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kdiag.attach.attachment import attach
from kdiag.attach.process import read_facts
from kdiag.errors import KdiagError
from tests.support.interpreters import Interpreter, current, each_interpreter
from tests.support.preloaded import until
from tests.support.processes import running
from tests.support.targets import start_target
from tests.support.visits import Ward, use, visit

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENT_S = 60.0
VISITS = 2 if os.environ.get("KDIAG_SLOW") == "short" else 10
NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

WORKS = ("small_stacks", "many_threads", "traced", "importing", "no_processes", "shutting_down", "subinterpreters",
         "foreign_threads", "forking", "spawning")  # fmt: skip
REFUSED = {
    "audited": "door-not-opened",  # its audit hook refuses whatever we do
    "no_descriptors": "door-not-opened",
    "no_memory": "thread-refused",
}
REFUSED_BY_SOME = {("shutting_down", (3, 12))}  # it makes no more threads once the main thread has ended
SEIZE = "import ctypes, sys, time; libc = ctypes.CDLL(None, use_errno=True); \
print(libc.ptrace(0x4206, int(sys.argv[1]), 0, 0) or 'seized', flush=True); time.sleep(60)"


@pytest.mark.slow
@pytest.mark.parametrize("oddity", WORKS)
@each_interpreter(one_per_minor=True)
def test_an_oddity_is_borne(python: Interpreter, oddity: str) -> None:
    with start_target("odd_process", oddity, python=python) as target:
        ward = Ward(target)
        for _ in range(VISITS):
            if (oddity, python.minor) in REFUSED_BY_SOME:
                with pytest.raises(KdiagError):
                    visit(target.pid)
            else:
                visit(target.pid)
            ward.assert_unharmed(working=False)
            ward.assert_clean()


@pytest.mark.slow
@pytest.mark.parametrize("oddity", REFUSED)
@each_interpreter(one_per_minor=True)
def test_an_oddity_that_keeps_us_out_is_told_and_nothing_is_harmed(python: Interpreter, oddity: str) -> None:
    with start_target("odd_process", oddity, python=python) as target:
        with pytest.raises(KdiagError) as caught:
            attach(read_facts(target.pid), "ptrace")
        Ward(target).assert_unharmed(working=False)
    assert caught.value.reference == REFUSED[oddity]


@pytest.mark.slow
@each_interpreter(one_per_minor=True)
def test_no_signal_is_lost(python: Interpreter) -> None:
    with start_target("odd_process", "signalled", python=python) as target:
        ward = Ward(target)
        send = f"os.kill({target.pid}, {int(signal.SIGRTMIN)}); time.sleep(0.0005)"
        command = [sys.executable, "-c", f"import os, time\nfor _ in range(3_000): {send}"]
        with subprocess.Popen(command) as sender:
            while sender.poll() is None:
                visit(target.pid)
        deadline = time.monotonic() + PATIENT_S
        while ward.account()["heard"] != 3_000:
            assert time.monotonic() < deadline, ward.account()["heard"]
        ward.assert_clean()


def test_a_stopped_target_is_refused_and_stays_stopped() -> None:
    with start_target("stress_asyncio") as target:
        ward = Ward(target)
        facts = read_facts(target.pid)
        os.kill(target.pid, signal.SIGSTOP)
        _wait_for_state(target.pid, "T")
        with pytest.raises(KdiagError) as caught:
            attach(facts)
        assert caught.value.reference == "process-stopped"
        assert read_facts(target.pid).state == "T"
        os.kill(target.pid, signal.SIGCONT)
        ward.assert_unharmed()
        ward.assert_clean()


def test_a_target_that_is_stopped_under_a_probe_goes_on_with_it() -> None:
    with start_target("stress_asyncio") as target:
        ward = Ward(target)
        attachment = attach(read_facts(target.pid))
        os.kill(target.pid, signal.SIGSTOP)
        _wait_for_state(target.pid, "T")
        with pytest.raises(KdiagError) as caught:
            attachment.channel.request("hello", 0.5, version=1)
        assert caught.value.reference == "probe-silent"
        os.kill(target.pid, signal.SIGCONT)
        use(attachment)
        attachment.close()
        ward.assert_unharmed()
        ward.assert_clean()


def test_a_traced_target_is_refused_by_ptrace() -> None:
    with start_target("stress_deadlocked") as target:
        ward = Ward(target)
        with _traced(target.pid) as tracer:
            if read_facts(target.pid).tracer_pid != tracer:
                pytest.skip("this sandbox does not let one process trace another")
            with contextlib.suppress(KdiagError):  # another thread of it may be borrowed, the tracer has but one
                visit(target.pid, "ptrace")
        ward.assert_unharmed(working=False)
        ward.assert_clean()


def test_a_target_that_becomes_another_program_takes_the_probe_with_it(tmp_path: Path) -> None:
    go, up = tmp_path / "go", tmp_path / "up"
    script = tmp_path / "becomes.py"
    script.write_text(
        "import os, sys, time\n"
        "print('ready', flush=True)\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
        f"os.execv(sys.executable, [sys.executable, '-c', 'import time; open(\"{up}\", \"w\"); time.sleep(60)'])\n"
    )
    with running([sys.executable, script]) as pid:
        facts = read_facts(pid)
        attachment = attach(facts)
        go.touch()
        deadline = time.monotonic() + PATIENT_S
        with pytest.raises(KdiagError) as caught:
            while time.monotonic() < deadline:
                use(attachment)
        assert caught.value.reference == "probe-gone"
        attachment.close()
        until(up.exists, "the other program")
        again = visit(pid)
        assert again.method != "preloaded"
        until(lambda: not _doors(pid), "its door goes")


@AS_ROOT
@pytest.mark.parametrize("user", [[], ["--bounding-set=-all"]])
def test_root_visits_another_users_process(user: list[str]) -> None:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("no setpriv here to run a process as another user")
    python = next((each for each in (Path("/usr/bin/python3"),) if each.exists()), None)
    if python is None:
        pytest.skip("no interpreter that everybody may run")
    command = [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *user, str(python)]
    with running([*command, "-c", "import time; print('ready', flush=True); time.sleep(60)"]) as pid:
        for _ in range(3):
            visit(pid)
        until(lambda: not _doors(pid), "its door goes")


@AS_ROOT
@pytest.mark.parametrize("script", ["stress_collecting", "stress_deadlocked"])
def test_a_target_in_namespaces_of_its_own(script: str) -> None:
    with _unshared(current()) as python, start_target(script, python=python) as target:
        pid = target.root_pid
        inner = next(
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and _is_inner(int(entry.name), pid)
        )
        facts = read_facts(inner)
        assert not facts.same_pid_namespace
        for _ in range(3):
            visit(inner)
        assert target.process.poll() is None


@AS_ROOT
def test_a_target_whose_tmp_is_read_only() -> None:
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("no unshare here")
    mounts = 'mount -t tmpfs -o ro none /tmp && mount -t tmpfs -o ro none /var/tmp && exec "$@"'
    code = "import time; print('ready', flush=True); time.sleep(60)"
    with running([unshare, "--mount", "sh", "-c", mounts, "sh", current().executable, "-c", code]) as pid:
        until(lambda: read_facts(pid).is_python, "it is Python")
        for _ in range(3):
            visit(pid)


@contextlib.contextmanager
def _unshared(python: Interpreter) -> Iterator[Interpreter]:
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("no unshare here to make namespaces")
    prefix = (unshare, "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", *python.argv_prefix)
    try:
        subprocess.run([*prefix, "-c", ""], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"this sandbox makes no namespaces: {error}")
    yield Interpreter(f"{python.name}-unshared", python.version, prefix, python.root, python.executable)


def _is_inner(pid: int, parent: int) -> bool:
    with contextlib.suppress(KdiagError):
        facts = read_facts(pid)
        return facts.parent == parent and facts.is_python
    return False


@contextlib.contextmanager
def _traced(pid: int) -> Iterator[int]:
    with running([sys.executable, "-c", SEIZE, str(pid)]) as tracer:
        yield tracer


def _wait_for_state(pid: int, state: str) -> None:
    until(lambda: read_facts(pid).state == state, "its state")


def _doors(pid: int) -> list[Path]:
    return list(Path("/tmp").glob(f".kdiag-*-{pid}"))  # noqa: S108 - where doors are
