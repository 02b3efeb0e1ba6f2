"""gc-pressure: the collector's share by its lower bound, one long pause, and who is to blame."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kdiag.core.detectors.gc_pressure import detect
from kdiag.core.model import CollectorSample, LineFacts, ProfiledStack, ProfileSample, Window
from tests.support.windows import (
    APP,
    BOOT,
    SITE,
    Scene,
    app,
    computing,
    found,
    idle_main,
    lines,
    moving,
    scene,
    undecided,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CHURNER = computing("churner", app(7, "churn"), app(30, "main"), *BOOT)


def share(part: float) -> Callable[[int], int]:
    """Bursts that find a collection in about that part of their reads."""
    return lambda n: round(80 * part) + n % 3 - 1


def test_most_of_the_time_is_critical() -> None:
    finding = found(detect(scene(CHURNER, idle_main(), collecting=share(0.61), cpu=0.9)))
    assert (finding.severity, finding.verdict) == ("critical", "gc-pressure")
    assert finding.title == "61% of the time goes to the garbage collector"
    assert finding.culprit is not None
    assert (finding.culprit.file, finding.culprit.line, finding.culprit.thread) == (APP, 7, "churner")
    assert "68% of the CPU time" in finding.summary
    metrics = {e.metric: e for e in finding.evidence}
    assert metrics["gc.share"].samples == 33 * 80
    assert metrics["gc.collections_per_s.gen0"].value == pytest.approx(10 / 0.3)
    assert metrics["gc.collections_per_s.gen2"].value == 0


@pytest.mark.parametrize(("part", "severity"), [(0.08, None), (0.15, "warning"), (0.35, "warning"), (0.45, "critical")])
def test_thresholds_are_held_against_the_lower_bound(part: float, severity: str | None) -> None:
    outcome = detect(scene(CHURNER, collecting=share(part), cpu=1.0))
    assert (found(outcome).severity if outcome else None) == severity


def test_bursts_that_disagree_do_not_prove_a_share() -> None:
    """A third of the bursts wholly in a collection: 33 % on average, but as if only 33 reads had been made."""
    steady = found(detect(scene(CHURNER, collecting=share(0.42))))
    assert steady.severity == "critical"
    uneven = found(detect(scene(CHURNER, collecting=lambda n: 80 if n % 5 in {0, 2} else 2)))
    assert uneven.severity == "warning"


def test_the_caller_of_the_collector_is_named() -> None:
    facts = lines((7, LineFacts("gc.collect()", "Churner.churn", call="gc.collect")))
    finding = found(detect(scene(CHURNER, idle_main(), collecting=share(0.8), lines=facts)))
    assert finding.title.endswith(", which Churner.churn calls at app.py:7")
    assert "calls the collector itself" in finding.summary


def test_a_library_that_allocates_is_blamed_at_the_users_line() -> None:
    deep = computing("churner", app(3, "build", f"{SITE}/lxml/builder.py"), app(7, "churn"), *BOOT)
    finding = found(detect(scene(deep, collecting=share(0.5))))
    assert finding.culprit is not None
    assert finding.culprit.line == 7


@pytest.mark.parametrize(("seconds", "part", "decided"), [(9.9, 0.14, True), (6.0, 0.14, False), (6.0, 0.5, True)])
def test_weak_cases_take_ten_seconds_and_clear_ones_three(seconds: float, part: float, decided: bool) -> None:
    outcome = detect(scene(CHURNER, seconds=seconds, collecting=share(part), cpu=1.0))
    if decided:
        found(outcome)
    else:
        assert "ten seconds" in undecided(outcome).hint


def test_a_quiet_process_is_decided_early() -> None:
    """All reads of some bursts found nothing, which alone leaves up to a fifth open."""
    assert detect(scene(idle_main(), seconds=4.0, cpu=0.02)) is None
    undecided(detect(scene(idle_main(), seconds=4.0, cpu=0.9)))


def test_a_share_that_cannot_reach_the_threshold_is_decided_early() -> None:
    assert detect(scene(CHURNER, seconds=6.0, collecting=share(0.02))) is None


def with_pause(longest_s: float) -> Window:
    window = scene(CHURNER, collecting=share(0.02))
    return replace(window, collector=(*window.collector[:-1], replace(window.collector[-1], longest_s=longest_s)))


@pytest.mark.parametrize(
    ("longest_s", "severity"), [(0.099, None), (0.1, "warning"), (0.99, "warning"), (1, "critical")]
)
def test_one_long_collection(longest_s: float, severity: str | None) -> None:
    outcome = detect(with_pause(longest_s))
    assert (found(outcome).severity if outcome else None) == severity


def test_a_pause_is_not_the_collectors_where_there_was_no_cpu_to_have() -> None:
    starved = replace(CHURNER, cpu_per_look=0.1, queued_per_look=0.1)
    window = scene(starved, collecting=share(0.02))
    assert detect(replace(window, collector=with_pause(0.19).collector)) is None
    finding = found(detect(replace(window, collector=with_pause(0.3).collector)))
    assert "at least 0.15 s" in finding.title
    pause = next(number for number in finding.evidence if number.metric == "gc.pause_max")
    assert pause.value == 0.3
    assert pause.low == pytest.approx(0.15)


def bursts(*samples: tuple[int, int]) -> tuple[CollectorSample, ...]:
    """(reads that found a collection, full collections until then) of bursts of 80 reads, 0.3 s each."""
    return tuple(
        CollectorSample(0.3 * n, 0.3, 80, hits, collections=(0, 0, full)) for n, (hits, full) in enumerate(samples, 1)
    )


def test_a_collection_that_outlasts_bursts_is_one_pause() -> None:
    quiet = [(0, 5)] * 20
    one = bursts(*quiet, (40, 5), (80, 5), (80, 5), (80, 5), (80, 5), (30, 6), *[(0, 6)] * 8)
    finding = found(detect(replace(scene(CHURNER), collector=one)))
    assert "at least 1.2 s" in finding.title
    assert finding.severity == "critical"
    many = bursts(*quiet, (40, 5), (80, 7), (80, 9), (80, 11), (80, 13), (30, 14), *[(0, 14)] * 8)
    outcome = detect(replace(scene(CHURNER), collector=many))
    assert outcome is None


def test_without_reads_a_quiet_process_is_decided_all_the_same() -> None:
    assert detect(scene(idle_main(), collecting=None, cpu=0.05)) is None
    assert "could not be read" in undecided(detect(scene(idle_main(), collecting=None, cpu=0.5))).reason


def test_allocation_without_cycles_is_healthy() -> None:
    assert detect(scene(CHURNER, collecting=lambda n: 2 if n % 4 == 0 else 0, cpu=0.9)) is None


def test_without_a_running_stack_nobody_is_blamed() -> None:
    finding = found(detect(Scene((moving("a", app(1)),), collecting=share(0.6)).window()))
    assert finding.culprit is None
    assert "no stack was seen" in finding.summary or "CPU time" in finding.summary


def test_the_profile_names_the_line_where_stacks_are_rare() -> None:
    stack = ProfiledStack(4712, "churner", (app(9, "churn"), *BOOT), 190)
    window = replace(scene(idle_main(), collecting=share(0.6)), profile=(ProfileSample(10.0, 10.0, 200, (stack,)),))
    finding = found(detect(window))
    assert finding.culprit is not None
    assert finding.culprit.line == 9


def test_looks_during_a_collection_name_the_line_that_allocates() -> None:
    """Most of the time goes to other lines, but whenever a collection is under way it stands at line 7."""
    mixed = replace(CHURNER, frames=lambda n: (app(7 if n % 5 == 0 else 90, "churn"), *BOOT))
    window = scene(mixed, collecting=share(0.2))
    marked = tuple(replace(s, collecting=number % 5 == 0) for number, s in enumerate(window.stacks))
    by_all, by_marked = found(detect(window)), found(detect(replace(window, stacks=marked)))
    assert by_all.culprit is not None
    assert by_marked.culprit is not None
    assert (by_all.culprit.line, by_marked.culprit.line) == (90, 7)


def test_it_is_certain_once_the_share_is_known_to_five_points() -> None:
    steady = found(detect(scene(CHURNER, seconds=4.0, collecting=share(0.6), cpu=1.0)))
    uneven = found(detect(scene(CHURNER, seconds=4.0, collecting=lambda n: 80 if n % 2 else 20, cpu=1.0)))
    assert steady.confidence >= 0.95 > uneven.confidence
