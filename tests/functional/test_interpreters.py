"""Every interpreter that the machine has, stripped ones and one in another root included."""

from __future__ import annotations

import itertools
import time
from datetime import datetime
from typing import Any

import pytest

from tests.functional.test_truth_table import diagnose, summary
from tests.support.interpreters import Interpreter, each_interpreter, of_minor
from tests.support.preloaded import until
from tests.support.targets import Target, start_target
from tests.targets.truth import culprit_lines

POINTS = 0.05


def _true_share(target: Target, observation: Any) -> float:
    """The target's own account of the seconds in which it was observed, and no others: its share is not constant."""
    start = datetime.fromisoformat(observation["started_at"]).timestamp()
    at_start, at_end = (_in_collector_s(target, at) for at in (start, start + observation["duration_s"]))
    return (at_end - at_start) / float(observation["duration_s"])


def _in_collector_s(target: Target, at: float) -> float:
    """Seconds in the collector up to a moment, between two lines of the account."""
    before, after = next(
        (one, other) for one, other in itertools.pairwise(target.lines) if one["at"] <= at <= other["at"]
    )
    part = (at - before["at"]) / (after["at"] - before["at"])
    return float(before["gc_s"] + part * (after["gc_s"] - before["gc_s"]))


@each_interpreter()
def test_the_collectors_share_is_true(python: Interpreter) -> None:
    with start_target("gc_pressure", python=python) as target:
        blamed = culprit_lines(target.script)
        target.wait_for("gc_s")
        code, report = diagnose(target, "--full", "--for", "6s")
        ended = time.time()
        until(lambda: target.lines[-1]["at"] > ended, "its account of the whole observation")
        truth = _true_share(target, report["observation"])
    assert (report["verdict"], code) == ("gc-pressure", 1), summary(report)
    finding = report["findings"][0]
    share = next(number for number in finding["evidence"] if number["metric"] == "gc.share")
    assert share["value"] == pytest.approx(truth, abs=POINTS), (share, truth)
    assert finding["culprit"]["line"] in blamed, summary(report)
    assert report["target"]["python"].startswith(".".join(map(str, python.minor)))
    assert report["target"]["root"] == ("other" if python.in_chroot else "host")


WAITING = (("pool_saturated", "pool-exhaustion"), ("deadlock_two_locks", "deadlock"))


BETWEEN = [pytest.param((3, minor), id=f"3.{minor}", marks=pytest.mark.slow) for minor in range(10, 15)]


@pytest.mark.parametrize("minor", [(3, 9), *BETWEEN, (3, 15)], ids=lambda minor: f"3.{minor[1]}")
@pytest.mark.parametrize(("script", "verdict"), WAITING)
def test_waiting_threads_are_told_on_every_version(script: str, verdict: str, minor: tuple[int, int]) -> None:
    _assert_told(script, verdict, of_minor(minor))


def _assert_told(script: str, verdict: str, python: Interpreter) -> None:
    with start_target(script, python=python) as target:
        blamed = culprit_lines(target.script)
        code, report = diagnose(target, "--for", "30s")  # it ends when it is certain
    assert (report["verdict"], code) == (verdict, 1), summary(report)
    assert report["findings"][0]["culprit"]["line"] in blamed, summary(report)
