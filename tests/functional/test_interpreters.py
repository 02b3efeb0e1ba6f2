"""Every interpreter that the machine has, stripped ones and one in another root included."""

from __future__ import annotations

import pytest

from tests.functional.test_truth_table import diagnose, summary
from tests.support.interpreters import Interpreter, each_interpreter, of_minor
from tests.support.targets import Target, start_target
from tests.targets.truth import culprit_lines

POINTS = 0.05


def _logged(target: Target) -> dict[str, float]:
    """The target's own account up to now: seconds in the collector, of wall time."""
    return {key: float(target.lines[-1][key]) for key in ("gc_s", "wall_s")}


@each_interpreter()
def test_the_collectors_share_is_true(python: Interpreter) -> None:
    with start_target("gc_pressure", python=python) as target:
        blamed = culprit_lines(target.script)
        target.wait_for("gc_s")
        before = _logged(target)
        code, report = diagnose(target, "--full", "--for", "6s")
        after = _logged(target)
    truth = (after["gc_s"] - before["gc_s"]) / (after["wall_s"] - before["wall_s"])
    assert (report["verdict"], code) == ("gc-pressure", 1), summary(report)
    finding = report["findings"][0]
    share = next(number for number in finding["evidence"] if number["metric"] == "gc.share")
    assert share["value"] == pytest.approx(truth, abs=POINTS), (share, truth)
    assert finding["culprit"]["line"] in blamed, summary(report)
    assert report["target"]["python"].startswith(".".join(map(str, python.minor)))
    assert report["target"]["root"] == ("other" if python.in_chroot else "host")


WAITING = (("pool_saturated", "pool-exhaustion"), ("deadlock_two_locks", "deadlock"))


@pytest.mark.parametrize("minor", [(3, 9), (3, 15)], ids=["oldest", "newest"])
@pytest.mark.parametrize(("script", "verdict"), WAITING)
def test_waiting_threads_are_told_at_both_ends(script: str, verdict: str, minor: tuple[int, int]) -> None:
    _assert_told(script, verdict, of_minor(minor))


@pytest.mark.slow
@each_interpreter(one_per_minor=True)
@pytest.mark.parametrize(("script", "verdict"), WAITING)
def test_waiting_threads_are_told_on_every_version(script: str, verdict: str, python: Interpreter) -> None:
    _assert_told(script, verdict, python)


def _assert_told(script: str, verdict: str, python: Interpreter) -> None:
    with start_target(script, python=python) as target:
        blamed = culprit_lines(target.script)
        code, report = diagnose(target, "--for", "7s")
    assert (report["verdict"], code) == (verdict, 1), summary(report)
    assert report["findings"][0]["culprit"]["line"] in blamed, summary(report)
