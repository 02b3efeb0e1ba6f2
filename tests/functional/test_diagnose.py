"""`kdiag diagnose` beyond the verdict: how targets are named, how it ends, what it writes and where."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from kdiag.engine.diagnosis import diagnosed
from kdiag.errors import KdiagError
from tests.support.kdiag import command, kdiag
from tests.support.probed import until
from tests.support.targets import Target, start_target

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_a_sick_process_is_found_by_name_and_by_port() -> None:
    with start_target("waiting_service") as target:
        by_port = kdiag("diagnose", "--port", target.port or 0, "--for", "1s", "--format", "json")
        by_name = kdiag("diagnose", "--name", "tests[.]targets[.]waiting_service", "--for", "1s", "--format", "json")
        assert target.port, "the target listens"
    assert by_port.json["target"]["pid"] == target.pid, by_port.err
    if by_name.reference != "ambiguous-target":  # another worker of this test run may have started one, too
        assert by_name.json["target"]["pid"] == target.pid, by_name.err


def test_it_ends_early_when_all_verdicts_are_certain() -> None:
    with start_target("deadlock_two_locks") as target:
        report = kdiag("diagnose", target.pid, "--for", "60s", "--format", "json").json
    assert report["verdict"] == "deadlock"
    assert report["observation"]["duration_s"] < 30


def test_full_uses_the_whole_window() -> None:
    with start_target("deadlock_two_locks") as target:
        report = kdiag("diagnose", target.pid, "--for", "12s", "--full", "--format", "json").json
    assert report["observation"]["duration_s"] >= 12


@contextlib.contextmanager
def observing_a_deadlock(folder: Path) -> Iterator[tuple[Target, subprocess.Popen[str], Path]]:
    """A deadlocked target, a long diagnosis of it that has seen enough, and its recording."""
    file = folder / "seen.kdiag"

    def enough() -> bool:
        with contextlib.suppress(KdiagError):  # it has hardly begun
            return diagnosed([file]).verdict == "deadlock"
        return False

    with (
        start_target("deadlock_two_locks") as target,
        subprocess.Popen(
            command("diagnose", target.pid, "--for", "60s", "--full", "--format", "json", "--record", file),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as run,
    ):  # fmt: skip
        assert run.stderr is not None
        assert "Observing process" in run.stderr.readline()
        until(enough, "the deadlock is in the recording")
        yield target, run, file


def test_ctrl_c_reports_what_was_seen(tmp_path: Path) -> None:
    with observing_a_deadlock(tmp_path) as (_, run, _):
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    assert json.loads(out)["verdict"] == "deadlock"
    assert "Interrupted" in err


def test_a_target_that_ends_is_reported_with_what_was_seen(tmp_path: Path) -> None:
    with observing_a_deadlock(tmp_path) as (target, run, _):
        os.kill(target.pid, signal.SIGKILL)
        target.process.wait()
        out, err = run.communicate(timeout=60)
    report = json.loads(out)
    assert report["verdict"] == "deadlock", err
    assert "target-ended" in {limitation["reference"] for limitation in report["observation"]["limitations"]}
    assert run.returncode == 1


def test_what_is_recorded_outlives_kdiag(tmp_path: Path) -> None:
    with observing_a_deadlock(tmp_path) as (_, run, file):
        run.kill()
        run.communicate(timeout=60)
    report = diagnosed([file])
    assert report.verdict == "deadlock"
    assert [limit.reference for limit in report.observation.limitations][-1] == "recording-cut-off"


def test_the_report_goes_to_a_file_and_the_output_stays_empty(tmp_path: Path) -> None:
    file = tmp_path / "report.md"
    with start_target("waiting_service") as target:
        ran = kdiag("diagnose", target.pid, "--for", "1s", "--format", "markdown", "--output", file)
    assert ran.out == ""
    assert file.read_text().startswith("#")


def test_no_colour_reaches_a_pipe_and_force_color_does() -> None:
    with start_target("waiting_service") as target:
        plain = kdiag("diagnose", target.pid, "--for", "1s")
        painted = kdiag("diagnose", target.pid, "--for", "1s", env={"FORCE_COLOR": "1"})
        silenced = kdiag("diagnose", target.pid, "--for", "1s", env={"FORCE_COLOR": "1", "NO_COLOR": "1"})
    assert "\x1b[" not in plain.out + plain.err
    assert "\x1b[" in painted.out
    assert "\x1b[" not in silenced.out


def test_fail_on_never_does_not_fail(tmp_path: Path) -> None:
    seen = tmp_path / "seen.kdiag"
    with start_target("deadlock_two_locks") as target:
        ran = kdiag("diagnose", target.pid, "--for", "60s", "--fail-on", "never", "--record", seen)
    assert (ran.code, "deadlock" in ran.out) == (0, True), ran.err
    assert kdiag("diagnose", "--from", seen, "--fail-on", "never").code == 0
    assert kdiag("diagnose", "--from", seen, "--fail-on", "critical").code == 1


def test_the_target_and_its_descriptors_are_left_as_they_were() -> None:
    with start_target("waiting_service") as target:
        before, files = _outside(target.pid), set(_files())
        kdiag("diagnose", target.pid, "--for", "3s")
        until(lambda: _outside(target.pid) == before, "its last thread of ours has ended")
        left = set(_files()) - files
    assert not {name for name in left if "kdiag" in name and name.endswith(f"-{target.pid}")}


def _outside(pid: int) -> tuple[int, int, str]:
    process = psutil.Process(pid)
    return process.num_threads(), process.num_fds(), _tracer(pid)


def _tracer(pid: int) -> str:
    return next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("TracerPid"))


def _files() -> list[str]:
    return os.listdir("/tmp")  # noqa: S108 - where a careless tool leaves things


def test_a_target_that_ends_and_is_not_reaped_has_ended_too(tmp_path: Path) -> None:
    seen = tmp_path / "seen.kdiag"
    with (
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as child,
        subprocess.Popen(
            command("diagnose", child.pid, "--for", "60s", "--format", "json", "--record", seen), stdout=-1, stderr=-1
        ) as run,
    ):
        assert child.stdin is not None
        until(lambda: seen.exists() and seen.read_bytes().count(b"\n") > 10, "it is observed")
        child.stdin.close()
        out, err = run.communicate(timeout=60)
    report = json.loads(out)
    assert run.returncode == 4, err
    assert report["verdict"] == "inconclusive"
    assert "target-ended" in {limitation["reference"] for limitation in report["observation"]["limitations"]}


def test_two_thousand_threads_are_diagnosed_like_two() -> None:
    # Twice the usual window: other tests load the machine meanwhile, and a look at so many threads is slow then.
    with start_target("idle_threads", "2000", "busy") as target:
        ran = kdiag("diagnose", target.pid, "--for", "20s", "--format", "json", "--fail-on", "never")
    assert ran.json["verdict"] in {"healthy", "cpu-hot-loop"}, ran.json["undecided"]
    assert ran.code == 0
