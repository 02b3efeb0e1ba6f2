"""The commands beside `diagnose`, on real processes."""

from __future__ import annotations

import gzip
import json
import re
import signal
import subprocess
from pathlib import Path
from xml.dom import minidom

import pytest

from kdiag.core.catalog import VERDICTS
from kdiag.demos import DEMOS
from tests.support.kdiag import command, kdiag
from tests.support.probed import until
from tests.support.targets import start_target


def test_ps_lists_a_target_with_its_facts() -> None:
    with start_target("waiting_service") as target:
        rows = {row["pid"]: row for row in kdiag("ps", "--format", "json").json}
        text = kdiag("ps").out
    row = rows[target.pid]
    assert row["python"].startswith("3.")
    assert row["access"] == "stacks"
    assert row["rss_bytes"] > 1_000_000
    assert row["threads"] >= 1
    assert re.search(rf"^ *{target.pid} .*waiting_service", text, re.MULTILINE)


def test_stacks_groups_alike_threads() -> None:
    with start_target("idle_threads", "12") as target:
        text = kdiag("stacks", target.pid).out
        data = kdiag("stacks", target.pid, "--format", "json").json
    assert re.search(r"^12 threads: ", text, re.MULTILINE), text
    assert max(len(group["threads"]) for group in data["stacks"]) == 12
    assert data["threads"] == 13


def test_a_profile_in_every_format(tmp_path: Path) -> None:
    with start_target("hot_loop") as target:
        table = kdiag("profile", target.pid, "--for", "1s")
        collapsed = kdiag("profile", target.pid, "--for", "1s", "--format", "collapsed")
        speedscope = kdiag("profile", target.pid, "--for", "1s", "--format", "speedscope")
        picture = tmp_path / "profile.svg"
        assert kdiag("profile", target.pid, "--for", "1s", "--format", "flamegraph", "--output", picture).code == 0
        packed = tmp_path / "profile.pb.gz"
        assert kdiag("profile", target.pid, "--for", "1s", "--format", "pprof", "--output", packed).code == 0
        native = kdiag("profile", target.pid, "--for", "1s", "--native", "--format", "collapsed")
    assert table.code == 0, table.err
    assert "hot_loop.py" in table.out
    assert all(re.fullmatch(r".* \d+", line) for line in collapsed.out.splitlines())
    assert speedscope.json["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert minidom.parse(str(picture)).getElementsByTagName("svg")  # noqa: S318 - our own file
    assert b"hot_loop.py" in gzip.decompress(packed.read_bytes())
    assert "hot_loop.py" in native.out


def test_pools_are_shown_with_what_waits_and_where_their_workers_sit() -> None:
    with start_target("pool_saturated") as target:
        text = kdiag("pools", target.pid).out
        (pool,) = kdiag("pools", target.pid, "--format", "json").json
    (line,) = [number for number, each in enumerate(target.script.read_text().splitlines(), 1) if "recv(64)" in each]
    assert re.search(r"^prices +concurrent\.futures +4 +4 +0 +\d+ +\+\d+ +≥ 0 +≥ \d+\.\d s$", text, re.MULTILINE), text
    assert f"4 × pool_saturated.py:{line} ask" in text
    assert (pool["name"], pool["size"]) == ("prices", 4)
    assert pool["queued"] >= 8
    assert {(worker["thread"][:7], worker["idle"], worker["nested"]) for worker in pool["workers"]} == {
        ("prices_", False, False)
    }


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(re.findall(r"SigCgt:\s(\w+)", status)[0], 16) >> number - 1 & 1)


def test_a_nested_wait_is_shown_also_to_somebody_who_ends_it() -> None:
    with start_target("pool_nested") as target:
        asked = command("pools", target.pid, "--for", "1h")
        with subprocess.Popen(asked, stdout=subprocess.PIPE, text=True) as run:
            until(lambda: catches(run.pid, signal.SIGTERM), "it begins to look")
            run.send_signal(signal.SIGINT)
            text = " ".join(run.communicate(timeout=100)[0].split())
    assert run.returncode == 130
    assert "3 of them wait for tasks that stand in this pool's own queue: a nested wait." in text


def test_locks_are_shown_with_their_holders_and_the_circle() -> None:
    with start_target("deadlock_three") as target:
        ran = kdiag("locks", target.pid)
        data = kdiag("locks", target.pid, "--for", "500ms", "--format", "json").json
        outside = kdiag("locks", target.pid, "--attach", "none")
    text = ran.out
    assert ran.code == 0
    assert "CIRCLE 3 threads wait for each other in a circle:" in text
    assert re.search(r"^lock deadlock_three\.menu, held by order$", text, re.MULTILINE), text
    assert re.search(r"^lock deadlock_three\.till, most likely held by pay$", text, re.MULTILINE), text
    assert "2 wait: guest-" in text
    assert len(data["waits"]) == 5
    assert {place["who"] for place in data["circles"][0]["places"]} == {"order", "cook", "pay"}
    assert (outside.code, outside.reference) == (2, "usage")


def test_tasks_are_shown_with_what_they_await() -> None:
    with start_target("deadlock_tasks") as target:
        ran = kdiag("tasks", target.pid)
        data = kdiag("tasks", target.pid, "--stacks", "--format", "json").json
    text = ran.out
    assert ran.code == 0
    assert text.startswith("4 tasks: 4 in the loop of MainThread.")
    assert "looking: waits for lock Shop.stock, held by task shipping" in text
    assert "Task-1: sleeps" in text
    assert {task["name"] for task in data["tasks"]} == {"Task-1", "shipping", "returns", "looking"}
    assert len(data["circles"]) == 1


def test_no_pools_and_no_way_to_see_them() -> None:
    with start_target("waiting_service") as target:
        ran, outside = kdiag("pools", target.pid), kdiag("pools", target.pid, "--attach", "none")
    assert (ran.code, ran.out.startswith("No pool was seen")) == (0, True)
    assert (outside.code, outside.reference) == (2, "usage")


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_is_explained(verdict: str) -> None:
    ran = kdiag("explain", verdict)
    assert ran.code == 0, ran.err
    assert verdict in ran.out
    assert len(ran.out.splitlines()) > 10


def test_explain_lists_the_verdicts() -> None:
    assert [line.split()[0] for line in kdiag("explain").out.splitlines()] == list(VERDICTS)


def test_doctor_finds_this_machine_fit() -> None:
    with start_target("waiting_service") as target:
        checks = {check["name"]: check for check in kdiag("doctor", target.pid, "--format", "json").json}
        ran = kdiag("doctor", target.pid)
    assert checks["py-spy"]["status"] == "ok"
    assert checks[f"process {target.pid}"]["status"] == "ok"
    assert checks["stacks"]["status"] == "ok"
    assert "container" in checks
    assert ran.code == 0


def test_doctor_says_what_is_wrong_with_a_pid() -> None:
    ran = kdiag("doctor", 2**22 - 1)
    assert ran.code == 3
    assert "missing" in ran.out


def test_the_schema_is_json() -> None:
    assert json.loads(kdiag("schema").out)["$id"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    ran = kdiag("completion", shell)
    assert ran.code == 0
    assert "_KDIAG_COMPLETE" in ran.out


def test_completion_offers_python_processes() -> None:
    with start_target("waiting_service") as target:
        words = {"_KDIAG_COMPLETE": "bash_complete", "COMP_WORDS": "kdiag stacks ", "COMP_CWORD": "2"}
        offered = kdiag(env=words).out
    assert str(target.pid) in offered


@pytest.mark.parametrize("case", DEMOS)
def test_the_demo_names_its_disease(case: str) -> None:
    ran = kdiag("demo", case)
    assert ran.code == 0, ran.out + ran.err
    assert DEMOS[case].verdict in ran.err
    assert "What to do" in ran.out
