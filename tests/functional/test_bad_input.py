"""Bad input gets a clear error: reference, cause, hint, and the right exit code."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.kdiag import command, kdiag
from tests.support.preloaded import until
from tests.support.targets import start_target


def test_no_such_process() -> None:
    ran = kdiag("diagnose", 2**22 - 1)
    assert (ran.code, ran.reference, ran.out) == (3, "no-such-process", "")
    assert "hint: " in ran.err


def test_a_pid_that_is_no_pid() -> None:
    for bad in ("-1", "0", "abc", "99999999999999"):
        ran = kdiag("diagnose", "--", bad)
        assert (ran.code, ran.reference) == (2, "usage"), bad


def test_no_target_at_all() -> None:
    ran = kdiag("diagnose")
    assert (ran.code, ran.reference) == (2, "usage")
    assert "kdiag ps" in ran.err


def test_a_recording_and_a_process(tmp_path: Path) -> None:
    for more in (["1"], ["--name", "x"], ["--attach", "none"], ["--full"], ["--record", "b.kdiag"]):
        ran = kdiag("diagnose", "--from", "a.kdiag", *more)
        assert (ran.code, ran.reference) == (2, "usage"), more
        assert ("PID" if more == ["1"] else more[0]) in ran.err
    bad = tmp_path / "report.json"
    bad.write_text("{}")
    assert (ran := kdiag("diagnose", "--from", bad)).reference == "bad-recording", ran.err
    assert (ran := kdiag("diagnose", "1", "--record", tmp_path)).reference == "output-unwritable", ran.err


def test_standard_output_that_is_full_or_that_nobody_reads() -> None:
    def wrote(stdout: int) -> tuple[int, str]:
        done = subprocess.run(command("schema"), stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)
        os.close(stdout)
        return done.returncode, done.stderr

    code, told = wrote(os.open("/dev/full", os.O_WRONLY))
    assert (code, told.partition("]")[0]) == (2, "error[output-unwritable")
    assert "Cannot write to standard output: No space left on device." in told
    reading, writing = os.pipe()
    os.close(reading)
    assert wrote(writing) == (0, "")


def test_not_a_python_process() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            ran = kdiag("diagnose", child.pid)
        finally:
            child.kill()
    assert (ran.code, ran.reference) == (3, "not-python")


def test_a_launcher_names_its_python_children() -> None:
    script = f"{sys.executable} -c 'import time; print(1, flush=True); time.sleep(60)' & wait"
    with subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, start_new_session=True) as child:
        try:
            assert child.stdout is not None
            child.stdout.readline()
            (python,) = psutil.Process(child.pid).children()
            ran = kdiag("diagnose", child.pid)
        finally:
            os.killpg(child.pid, signal.SIGKILL)
    assert (ran.code, ran.reference) == (3, "launcher-with-python-children")
    assert f"kdiag diagnose {python.pid}" in ran.err


def test_a_stopped_target() -> None:
    with start_target("waiting_service") as target:
        os.kill(target.pid, signal.SIGSTOP)
        until(lambda: psutil.Process(target.pid).status() == psutil.STATUS_STOPPED, "it has stopped")
        ran = kdiag("diagnose", target.pid)
        stacks = kdiag("stacks", target.pid)
        os.kill(target.pid, signal.SIGCONT)
    assert (ran.code, ran.reference) == (3, "process-stopped")
    assert f"kill -CONT {target.pid}" in ran.err
    assert stacks.code == 0
    assert "MainThread" in stacks.out


def test_a_zombie() -> None:
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        ran = kdiag("diagnose", child.pid)
    assert (ran.code, ran.reference) == (3, "zombie-process")


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv") or not Path("/usr/bin/python3").exists(),
    reason="a target of another user, and giving up CAP_SYS_PTRACE, need root, setpriv and /usr/bin/python3",
)
def test_without_permission_we_say_what_the_system_tells_and_the_fix() -> None:
    program = "import time; print('ready', flush=True); time.sleep(60)"
    as_nobody = ["setpriv", "--reuid", "65534", "--clear-groups", "/usr/bin/python3", "-c", program]
    with subprocess.Popen(as_nobody, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            child.stdout.readline()
            powerless = ["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace"]
            diagnose = command("diagnose", child.pid, "--for", "1s")
            done = subprocess.run([*powerless, *diagnose], capture_output=True, text=True, check=False, timeout=60)
            stacks = subprocess.run(
                [*powerless, *command("stacks", child.pid)], capture_output=True, text=True, check=False, timeout=60
            )
        finally:
            child.kill()
    assert (done.returncode, stacks.returncode) == (3, 3), done.stderr
    assert "[permission-denied]" in done.stderr
    assert "SYS_PTRACE" in done.stderr
    assert "Too little was seen" in done.stdout
    assert "error[permission-denied]" in stacks.stderr


def test_absurd_durations() -> None:
    for bad in ("-1s", "0s", "5h", "tomorrow"):
        ran = kdiag("diagnose", os.getpid(), "--for", bad)
        assert (ran.code, ran.reference) == (2, "bad-duration"), bad


def test_an_output_that_cannot_be_written_fails_before_the_work(tmp_path: Path) -> None:
    for bad in (tmp_path, tmp_path / "none" / "report.json"):
        ran = kdiag("diagnose", os.getpid(), "--output", bad)
        assert (ran.code, ran.reference) == (2, "output-unwritable")


def test_unknown_commands_and_options_say_what_was_meant() -> None:
    assert "kdiag diagnose" in kdiag("diagnos").err
    assert "kdiag diagnose 1234" in kdiag("1234").err
    assert kdiag("diagnose", "--fromat", "json").code == 2
    assert kdiag("explain", "gc-presure").code == 2


def test_a_closed_pipe_is_no_error() -> None:
    with subprocess.Popen(command("schema"), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.wait(timeout=60) == 0
        assert child.stderr.read() == b""


def test_a_name_that_matches_nothing_and_a_bad_pattern() -> None:
    assert kdiag("diagnose", "--name", "no such service (?!)x").reference == "no-match"
    assert kdiag("diagnose", "--name", "(").reference == "bad-pattern"
    assert kdiag("diagnose", "--port", "1").reference == "no-match"


def test_two_ways_of_naming_a_target_at_once() -> None:
    assert kdiag("diagnose", "1", "--port", "80").code == 2
