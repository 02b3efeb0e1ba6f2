"""`kdiag run --check`: a program of CI runs to its end under the probe, and its findings fail the job."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.kdiag import command, kdiag
from tests.support.preloaded import until

SICK = """
import logging, sys, time
def find(name):
    return None
def handle():
    try:
        return find("x").price
    except AttributeError:
        logging.exception("no price")
print("one line of its own")
started = time.monotonic()
while len(sys._current_frames()) < 3 and time.monotonic() < started + 60:  # no sensors yet
    time.sleep(0.05)
for _ in range(20):
    handle()
    time.sleep(0.15)
sys.exit(int(sys.argv[1]))
"""


def check(*words: str | Path) -> list[str | Path]:
    return ["run", "--check", *words]


def test_findings_fail_the_job_with_their_source_though_the_program_has_ended(tmp_path: Path) -> None:
    program, report = tmp_path / "sick.py", tmp_path / "report.json"
    program.write_text(SICK)
    ran = kdiag(*check("--output", report, "--", sys.executable, program, "0"), timeout=110)
    assert ran.code == 1, ran.err
    assert ran.out == "one line of its own\n"
    finding = json.loads(report.read_text())["findings"][0]
    assert finding["verdict"] == "nil-dereference"
    assert (finding["culprit"]["file"], finding["culprit"]["line"]) == (str(program), 7)
    assert "find('x')" in finding["title"]


def test_a_program_that_fails_keeps_its_own_code(tmp_path: Path) -> None:
    program = tmp_path / "sick.py"
    program.write_text(SICK)
    ran = kdiag(*check("--format", "markdown", "--", sys.executable, program, "7"), timeout=110)
    assert ran.code == 7, ran.err
    first, _, report = ran.out.partition("\n")
    assert first == "one line of its own"
    assert report.startswith("## critical: ")


def test_what_is_no_python_cannot_be_checked() -> None:
    ran = kdiag(*check("--", "sleep", "0.5"))
    assert ran.code == 3
    assert ran.out == ""
    assert "Nothing of the program could be observed" in ran.err
    assert kdiag(*check("--", "sh", "-c", "exit 5")).code == 5


def test_options_of_a_check_without_it_are_refused() -> None:
    ran = kdiag("run", "--fail-on", "critical", "--", "true")
    assert (ran.code, ran.reference) == (2, "usage")
    assert "--fail-on" in ran.err


def test_who_ends_kdiag_ends_the_program_too() -> None:
    argv = command(
        *check("--", sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)")
    )
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as ours:
        assert ours.stdout
        program = int(ours.stdout.readline())
        ours.send_signal(signal.SIGTERM)
        ours.communicate(timeout=110)
        assert ours.returncode == 130
    until(lambda: not Path(f"/proc/{program}").exists(), "the program's end")
