"""Every obstacle before an observation, met on real processes: its reference, cause and next command."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kdiag.attach.permissions import access_level, read_permissions
from kdiag.attach.preflight import check_same, preflight
from kdiag.attach.process import read_facts, read_stat
from kdiag.errors import CANNOT_OBSERVE, KdiagError
from tests.support.interpreters import each_interpreter, interpreters
from tests.support.preloaded import until
from tests.support.processes import READY, running
from tests.support.targets import start_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.interpreters import Interpreter

NOBODY = 65534
NO_SUCH_PID = 2**22 - 1
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")

SEIZE = "import ctypes, sys, time; libc = ctypes.CDLL(None, use_errno=True); \
print(libc.ptrace(0x4206, int(sys.argv[1]), 0, 0) or 'seized', flush=True); time.sleep(60)"
UNDUMPABLE = "import ctypes; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); " + READY


def refused(pid: int) -> KdiagError:
    with pytest.raises(KdiagError) as caught:
        preflight(pid)
    assert caught.value.exit_code == CANNOT_OBSERVE
    return caught.value


def as_nobody(look: Callable[[], str]) -> str:
    """What a function returns, or the reference, cause and hint of its error, when another user calls it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        answer = "crashed"
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            answer = look()
        except KdiagError as error:
            answer = f"{error.reference}: {error.cause} -> {error.hint}"
        finally:
            os.write(writing, answer.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    return answer


def own_executable() -> Path:
    """An interpreter that everybody may run and that holds everything in its executable."""
    for each in interpreters():
        if not each.in_chroot and each.executable.is_relative_to("/usr/bin"):
            return each.executable
    pytest.skip("no interpreter in /usr/bin")


@contextlib.contextmanager
def nobody_runs(code: str) -> Iterator[int]:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("no setpriv here to run a process as another user")
    user = [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all"]
    with running([*user, own_executable(), "-c", code]) as pid:
        yield pid


@each_interpreter()
def test_a_healthy_process_passes(python: Interpreter) -> None:
    with start_target("waiting_service", python=python) as target:
        facts = preflight(target.pid)
        assert access_level(target.pid) == "stacks"
        check_same(facts)
    assert facts.version == python.version


def test_no_such_process() -> None:
    error = refused(NO_SUCH_PID)
    assert (error.reference, error.hint) == ("no-such-process", "kdiag ps")
    assert access_level(NO_SUCH_PID) == "process"


def test_a_process_that_has_ended_is_gone() -> None:
    with start_target("waiting_service") as target:
        facts = preflight(target.pid)
    with pytest.raises(KdiagError) as caught:
        check_same(facts)
    assert caught.value.reference == "no-such-process"


def test_another_process_with_the_same_pid_is_told() -> None:
    with start_target("waiting_service") as target:
        facts = preflight(target.pid)
        with pytest.raises(KdiagError) as caught:
            check_same(replace(facts, start_time_ticks=facts.start_time_ticks - 1))
    assert caught.value.reference == "pid-reused"


def test_a_zombie_names_the_parent_that_does_not_reap_it() -> None:
    with subprocess.Popen([sys.executable, "-c", "print('ready')"], stdout=subprocess.PIPE) as process:
        until(lambda: read_stat(process.pid).state == "Z", "it ends")
        error = refused(process.pid)
    assert error.reference == "zombie-process"
    assert str(os.getpid()) in error.cause


def test_a_stopped_process_passes_and_says_that_it_is_stopped() -> None:
    with start_target("waiting_service") as target:
        os.kill(target.pid, signal.SIGSTOP)
        until(lambda: read_stat(target.pid).state == "T", "it stops")
        facts = preflight(target.pid)
    assert (facts.is_python, facts.state) == (True, "T")


def test_a_program_that_is_not_python() -> None:
    with running(["sh", "-c", "echo ready; sleep 60; true"]) as pid:
        error = refused(pid)
    assert error.reference == "not-python"
    assert "(sh) is not a CPython process" in error.message


@pytest.mark.parametrize("name", ["sh", "uv"])
def test_a_launcher_names_its_python_children(tmp_path: Path, name: str) -> None:
    launcher = tmp_path / name
    shutil.copy("/bin/sh", launcher)
    with running([launcher, "-c", f"{sys.executable} -c '{READY}'; true"]) as pid:
        error = refused(pid)
        (child,) = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    assert error.reference == "launcher-with-python-children"
    assert f"({name}) is not Python" in error.message
    assert error.hint == f"kdiag diagnose {child}"
    assert "sleep(60)" not in error.message


def test_a_launcher_that_becomes_python_is_python() -> None:
    with running(["env", "A=b", sys.executable, "-c", READY]) as pid:
        assert preflight(pid).is_python


def test_another_debugger_is_named() -> None:
    with start_target("waiting_service") as target, running([sys.executable, "-c", SEIZE, str(target.pid)]) as tracer:
        facts = read_facts(target.pid)
        if not facts.tracer_pid:
            pytest.skip("this sandbox does not let one process trace another")
        error = refused(target.pid)
        assert preflight(target.pid, "process").tracer_pid == tracer
    assert error.reference == "another-debugger"
    assert f"process {tracer} (python" in error.message
    assert f"kill {tracer}" in error.hint


@AS_ROOT
def test_a_process_of_another_user() -> None:
    with running([own_executable(), "-c", READY]) as pid:
        answer = as_nobody(lambda: preflight(pid).label)
        assert as_nobody(lambda: access_level(pid)) == "process"
        assert as_nobody(lambda: preflight(pid, "process").label) == own_executable().name
    assert answer.startswith("permission-denied: it runs as root, kdiag as nobody -> sudo -u root ")
    assert answer.endswith(f"-m kdiag diagnose {pid}")


@AS_ROOT
def test_another_program_of_another_user_is_not_called_something_else() -> None:
    with running(["sh", "-c", "echo ready; exec sleep 60"]) as pid:
        answer = as_nobody(lambda: preflight(pid).label)
    assert answer.startswith("permission-denied: ")


@AS_ROOT
def test_a_process_of_the_same_user() -> None:
    with nobody_runs(READY) as pid:
        permissions = read_permissions(pid)
        answer = as_nobody(lambda: access_level(pid))
    assert permissions.dumpable
    assert answer == ("stacks" if permissions.yama == 0 else "process")


@AS_ROOT
def test_a_process_that_keeps_its_own_user_out() -> None:
    with nobody_runs(UNDUMPABLE) as pid:
        assert preflight(pid).is_python, "root may look all the same"
        permissions = read_permissions(pid)
        answer = as_nobody(lambda: preflight(pid).label)
    assert not permissions.dumpable
    assert answer.startswith("permission-denied: it keeps others of its own user out")


def test_our_own_permissions() -> None:
    permissions = read_permissions(os.getpid())
    assert permissions.uid == os.geteuid()
    assert not permissions.other_user
    assert not permissions.extra_capabilities


@pytest.mark.parametrize("version", [(2, 7), (3, 6), (3, 7), (3, 8)])
def test_versions_that_are_too_old(version: tuple[int, int]) -> None:
    found = sorted(Path.home().glob(f".pyenv/versions/{version[0]}.{version[1]}.*/bin/python"))
    if not found:
        pytest.skip(f"no Python {version[0]}.{version[1]} here")
    code = "import sys, time; sys.stdout.write('ready\\n'); sys.stdout.flush(); time.sleep(60)"
    with running([found[0], "-c", code]) as pid:
        error = refused(pid)
    assert error.reference == "unsupported-version"
    assert f"runs Python {version[0]}.{version[1]}" in error.message
    assert "3.9 to 3.15" in error.message


def test_an_interpreter_without_its_symbols(tmp_path: Path) -> None:
    binary = tmp_path / "python3.11"
    content = own_executable().read_bytes()
    if b"\0_PyRuntime\0" not in content:
        pytest.skip("the interpreter in /usr/bin has its symbols elsewhere")
    binary.write_bytes(content.replace(b"\0_PyRuntime\0", b"\0_PyNothing\0"))
    binary.chmod(0o755)
    with running([binary, "-I", "-S", "-c", "import sys, time; print(1, flush=True); time.sleep(60)"]) as pid:
        error = refused(pid)
        assert preflight(pid, "process").is_python
    assert error.reference == "interpreter-without-symbols"
    assert error.cause
    assert error.hint
