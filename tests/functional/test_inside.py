"""The same diseases with and without a probe: the better proof where one gets in, the same verdict where none does."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cases import running
from tests.support.kdiag import kdiag
from tests.support.preloaded import until, visit
from tests.support.targets import start_target
from tests.targets.truth import SICK, Case

if TYPE_CHECKING:
    from tests.support.targets import Target

SOURCES = {
    "gc-pressure": "probe.gc",
    "deadlock": "probe.threads",
    "lock-contention": "probe.threads",
    "event-loop-blocked": "probe.loops",
}
ENOUGH_HZ = 1.5  # of five
FEW = list({case.verdict: case for case in reversed(SICK) if case.verdict in SOURCES}.values())


def seen_from_outside(target: Target) -> Any:
    """The report on a target; of a longer window where the machine was too busy to look often in the usual one."""
    for window in ("10s", "60s"):
        report = kdiag("diagnose", target.pid, "--attach", "none", "--for", window, "--format", "json").json
        if report["observation"]["rates_hz"]["stacks"] >= ENOUGH_HZ:
            break
    return report


@pytest.mark.parametrize("case", FEW, ids=lambda case: case.name)
def test_without_a_probe_the_verdict_is_the_same(case: Case) -> None:
    with running(case) as target:
        report = seen_from_outside(target)
    observation = report["observation"]
    assert (observation["access"], observation["attach_method"]) == ("stacks", "none")
    assert observation["samples"]["probe"] == 0
    assert report["verdict"] == case.verdict, report["findings"]
    assert not any(number["source"].startswith("probe") for number in report["findings"][0]["evidence"])


def send_away(pid: int) -> None:
    """Have the probe leave when another host has looked with it for a while."""
    with visit(pid) as channel:
        until(lambda: channel.hello().sensors, "the other host looks")
        time.sleep(3.0)  # of its window, which has more than ten
        channel.leave()


def test_a_probe_that_is_sent_away_in_mid_window_is_a_limitation() -> None:
    with start_target("gc_pressure") as target:
        away = threading.Thread(target=send_away, args=(target.pid,))
        away.start()
        report = kdiag("diagnose", target.pid, "--full", "--format", "json").json
        away.join()
    references = [limitation["reference"] for limitation in report["observation"]["limitations"]]
    assert "probe-gone" in references, report["observation"]
    assert report["verdict"] == "gc-pressure"
