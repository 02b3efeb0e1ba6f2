"""`kdiag gc` as its users see it: exact numbers, the lines that make the collector work, and an end at any time."""

from __future__ import annotations

import itertools
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.interpreters import of_minor
from tests.support.kdiag import command, kdiag
from tests.support.preloaded import until
from tests.support.targets import REPOSITORY, start_target
from tests.targets.truth import culprit_lines

TARGETS = REPOSITORY / "tests/targets"  # one in a chroot is gone with its target
COLLECTOR = ("collect", "gc_collect_main", "visit_decref", "visit_reachable", "list_traverse")


@pytest.mark.parametrize("minor", [(3, 9), (3, 11), (3, 15)], ids=lambda minor: f"3.{minor[1]}")
def test_each_collection_and_all_of_them(minor: tuple[int, int]) -> None:
    with start_target("gc_pressure", python=of_minor(minor)) as target:
        ran = kdiag("gc", target.pid, "--for", "2s", "--trace", "--format", "json")
    assert ran.code == 0, ran.err
    told = ran.json
    assert told["share"] > 0.5
    assert told["share"] == pytest.approx(sum(told["seconds"]) / told["duration_s"], abs=0.01)
    assert sum(pause["collections"] for pause in told["pauses"]) == pytest.approx(told["timed"], abs=2)
    assert told["timed"] > 0.8 * sum(told["collections"])  # more may come at once than can be kept
    frames = told["places"][0]["frames"]
    assert frames[0]["line"] in culprit_lines(TARGETS / target.script.name)
    assert Path(frames[0]["file"]).name == target.script.name
    created = told["types"]["created"]
    assert created is None or sum(each["share"] for each in created["shares"]) > 0.5
    ends = [each["at_s"] for each in told["trace"]]
    assert all(0 <= one <= other for one, other in itertools.pairwise(ends)), ends
    assert len(ends) + told["missed"] <= sum(told["collections"])
    assert max(each["seconds"] for each in told["trace"]) <= told["longest_s"]


def test_who_collects_by_hand_is_told() -> None:
    with start_target("gc_explicit") as target:
        text = kdiag("gc", target.pid, "--for", "2s").out
        trace = kdiag("gc", target.pid, "--for", "1s", "--trace").out
    (line,) = culprit_lines(target.script)
    assert re.search(r"^ +\d+\.\d s +\d+% +0 +0 +\d+ ", text, re.MULTILINE), text
    assert "collections were asked for by hand" in text
    assert re.search(rf"^ *100% +\d+ +gc_explicit\.py:{line} \S+ \(by hand\) +MainThread$", text, re.MULTILINE), text
    assert re.search(rf" s  gen 2 .*, by hand  gc_explicit\.py:{line} \S+ \[MainThread\]$", trace, re.MULTILINE), trace


def test_an_interrupt_keeps_what_was_seen() -> None:
    with start_target("gc_pressure") as target:
        with subprocess.Popen(command("gc", target.pid, "--for", "1m"), stdout=subprocess.PIPE, text=True) as watch:
            assert watch.stdout is not None
            for _ in range(2):
                watch.stdout.readline()  # a line comes as soon as its second is over
            watch.send_signal(signal.SIGTERM)
            rest = watch.stdout.read()
        assert watch.returncode == 130
        assert "of the time goes to the collector" in rest


def test_from_outside_nothing_can_be_told() -> None:
    with start_target("waiting_service") as target:
        ran = kdiag("gc", target.pid, "--attach", "none")
    assert (ran.code, ran.reference) == (2, "usage")
    assert f"kdiag diagnose --attach none {target.pid}" in ran.err


@pytest.mark.parametrize("minor", [(3, 9), (3, 13)], ids=lambda minor: f"3.{minor[1]}")
def test_native_code_is_sampled_without_a_stop_and_named_where_symbols_are(minor: tuple[int, int]) -> None:
    with start_target("gc_pressure", python=of_minor(minor)) as target:
        ran = kdiag("gc", target.pid, "--for", "3s", "--native", "--format", "json")
    if ran.reference in {"native-not-allowed", "native-not-supported"}:
        pytest.skip(ran.err)
    native = ran.json["native"]
    assert native["samples"] == sum(each["samples"] for each in native["symbols"]) > 20
    assert native["threads"] >= 1
    by_name = {each["function"]: each["share"] for each in native["symbols"]}
    collecting = sum(by_name.get(name, 0.0) for name in COLLECTOR)
    assert collecting > ran.json["share"] / 2, native["symbols"][:8]
    assert all(each["file"] for each in native["symbols"])


def settings(pid: int) -> tuple[list[int], int]:
    """The thresholds, and how many objects are frozen."""
    seen: dict[str, Any] = kdiag("gc", pid, "--for", "500ms", "--format", "json").json
    return seen["thresholds"], seen["frozen"]


@pytest.mark.parametrize("minor", [(3, 9), (3, 13), (3, 15)], ids=lambda minor: f"3.{minor[1]}")
def test_a_heap_that_is_frozen_for_a_trial_shows_that_it_helps(minor: tuple[int, int]) -> None:
    with start_target("gc_big_heap", python=of_minor(minor)) as target:
        ran = kdiag("gc", target.pid, "--for", "2s", "--try", "gc.freeze", "--yes", "--format", "json")
        after = settings(target.pid)
    assert ran.code == 0, ran.err
    told = ran.json
    assert (told["tried"], told["undone"]) == ("gc.freeze()", True)
    assert told["share"] > 0.25
    assert told["after"]["share"] < told["share"] / 5
    assert after == (target.facts["thresholds"], 0)


def test_what_is_kept_stays_until_it_is_taken_back(tmp_path: Path) -> None:
    with start_target("gc_big_heap") as target:
        before = settings(target.pid)
        text = kdiag("gc", target.pid, "--for", "1s", "--try", "gc.threshold=5000,20", "--keep", "--yes").out
        kept = settings(target.pid)
        again = kdiag("gc", target.pid, "--for", "30s", "--try", "gc.freeze", "--yes")
        more = kdiag("gc", target.pid, "--undo", "--try", "gc.freeze", "--keep")
        undone = kdiag("gc", target.pid, "--undo")
        nothing = kdiag("gc", target.pid, "--undo", "--format", "json", "--output", tmp_path / "undone.json")
        after = settings(target.pid)
    assert "gc.set_threshold(5000, 20) was kept. To take it back: kdiag gc" in text
    assert kept == ([5000, 20, before[0][2]], 0)
    assert (again.code, again.reference) == (2, "trial-under-way")
    assert len(again.out.splitlines()) <= 1, "it is refused before anything is watched"
    assert (more.code, more.reference) == (2, "usage")
    assert "--try, --keep cannot be" in more.err
    assert (undone.out, nothing.out) == ("It was taken back.\n", "")
    assert json.loads((tmp_path / "undone.json").read_text())["undone"] is False
    assert after == before


def test_nothing_is_changed_without_a_yes() -> None:
    with start_target("gc_big_heap") as target:
        before = settings(target.pid)
        silent = kdiag("gc", target.pid, "--try", "gc.freeze")
        bad = kdiag("gc", target.pid, "--try", "gc.disable")
        keep = kdiag("gc", target.pid, "--keep")
        after = settings(target.pid)
    assert [(ran.code, ran.reference) for ran in (silent, bad, keep)] == [
        (2, "not-confirmed"),
        (2, "bad-change"),
        (2, "usage"),
    ]
    assert f"Process {target.pid} will be changed: gc.freeze(), for a time." in silent.err
    assert after == before


TRIES = """
import sys, time
from kdiag.attach.attachment import attach
from kdiag.attach.process import read_facts
channel = attach(read_facts(int(sys.argv[1]))).channel
channel.request("start", 30.0, sensors=["gc"])
channel.request("try", action="thresholds", thresholds=[5000])
print(flush=True)
time.sleep(60)
"""


def test_what_is_tried_ends_with_a_host_that_is_killed() -> None:
    with start_target("gc_big_heap") as target:
        with subprocess.Popen([sys.executable, "-c", TRIES, str(target.pid)], stdout=subprocess.PIPE) as host:
            assert host.stdout is not None
            host.stdout.readline()
            tried = settings(target.pid)
            host.kill()
        until(lambda: settings(target.pid)[0] == target.facts["thresholds"], "the thresholds are as they were")
    assert tried[0][0] == 5000
