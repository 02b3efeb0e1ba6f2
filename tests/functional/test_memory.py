"""`kdiag memory` as its users see it: what grows, who keeps it, and the lines that allocate it."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.interpreters import of_minor
from tests.support.kdiag import command, kdiag
from tests.support.targets import start_target


@pytest.mark.parametrize(
    ("minor", "shape", "name"),
    [
        ((3, 9), "closure", "leaks.from_closure (closure seen)"),
        ((3, 13), "cache", "leaks.from_cache"),
        ((3, 15), "local", "leaks.serve (local recent)"),
    ],
    ids=str,
)
def test_what_grows_is_named_with_who_keeps_it(minor: tuple[int, int], shape: str, name: str) -> None:
    with start_target("leaks", shape, python=of_minor(minor)) as target:
        ran = kdiag("memory", target.pid, "--for", "18s", "--trace-allocations", "2s", "--format", "json")
    assert ran.code == 0, ran.err
    told = ran.json
    assert told["after"]["rss_bytes"] > told["before"]["rss_bytes"]
    keeper = told["keepers"]["growing"][0]
    assert (keeper["name"], Path(keeper["file"]).name) == (name, "leaks.py"), told["keepers"]
    assert keeper["types"][0] in {"Session", "leaks.Session"}
    assert keeper["after"] > keeper["before"]
    assert 10_000 < keeper["element_bytes"] < 12_000
    assert "Session" in [each["type"] for each in told["types"]["growing"]]
    assert told["allocations"]["state"] == "done"
    assert Path(told["allocations"]["lines"][0]["frames"][0]["file"]).name == "leaks.py"


def test_the_line_that_opens_what_stays_open_is_to_blame_where_allocations_are_traced() -> None:
    with start_target("fd_leak", "sockets", python=of_minor((3, 9))) as target:
        ran = kdiag("diagnose", target.pid, "--for", "15s", "--trace-allocations", "3s", "--format", "json")
        outside = kdiag("diagnose", target.pid, "--trace-allocations", "3s", "--attach", "none")
    assert ran.code == 1, ran.err
    (finding,) = [each for each in ran.json["findings"] if each["verdict"] == "fd-leak"]
    source = Path(finding["culprit"]["file"]).read_text().splitlines()
    assert "# CULPRIT" in source[finding["culprit"]["line"] - 1], finding["culprit"]
    assert finding["culprit"]["function"] == "main"
    assert {(each["role"], each["object"]) for each in finding["places"]} <= {("keeps", "fd_leak.kept")}
    assert (outside.code, outside.reference) == (2, "usage")


def test_it_is_told_in_lines_until_somebody_interrupts() -> None:
    with start_target("leaks", "closure") as target:
        with subprocess.Popen(command("memory", target.pid, "--for", "1m"), stdout=subprocess.PIPE, text=True) as watch:
            assert watch.stdout is not None
            for _ in range(14):  # looks enough, on a busy machine too, to tell what grows
                watch.stdout.readline()
            watch.send_signal(signal.SIGTERM)
            rest = watch.stdout.read()
        outside = kdiag("memory", target.pid, "--attach", "none")
    assert watch.returncode == 130
    assert re.search(r"leaks\.from_closure \(closure seen\) \(dict\) +(leaks\.)?Session", rest), rest
    assert "Types that grow (all" in rest
    assert "Allocated" not in rest
    assert (outside.code, outside.reference) == (2, "usage")
    assert f"kdiag diagnose --attach none {target.pid}" in outside.err
