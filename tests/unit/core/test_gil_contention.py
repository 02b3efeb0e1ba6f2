"""gil-contention: threads that compute and wait for their turn."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdiag.core.detectors.gil_contention import detect
from kdiag.core.model import Wait
from tests.support.inside import with_probe
from tests.support.windows import BOOT, Life, app, computing, found, idle_main, moving, scene, stuck, undecided


def miners(count: int, line: int = 18) -> list[Life]:
    """Threads that take turns with the GIL."""

    def one(index: int) -> Life:
        def turn(n: int) -> bool:
            return n % count == index

        return Life(
            f"miner-{index}",
            (app(line, "mine"), *BOOT),
            lambda n: Wait.RUNNING if turn(n) else Wait.GIL,
            runs_per_look=40,
            cpu_per_look=0.2 / count,
            holds_gil=turn,
        )

    return [one(index) for index in range(count)]


@pytest.mark.parametrize(("count", "severity"), [(2, "warning"), (6, "critical")])
def test_threads_that_take_turns(count: int, severity: str) -> None:
    finding = found(detect(scene(idle_main(), *miners(count))))
    assert finding.severity == severity
    assert finding.title.startswith(f"{count} threads compute and spend")
    assert finding.culprit is not None
    assert finding.culprit.function == "mine"
    assert len(finding.threads) == count
    assert "mine (app.py:18)" in finding.summary


@pytest.mark.parametrize(("interval_s", "told"), [(0.005, False), (0.1, True)])
def test_an_unusual_switch_interval_is_told(interval_s: float, told: bool) -> None:
    window = with_probe(scene(idle_main(), *miners(2)))
    window = replace(window, probe=tuple(replace(sample, switch_interval_s=interval_s) for sample in window.probe))
    finding = found(detect(window))
    (evidence,) = [each for each in finding.evidence if each.metric == "gil.switch_interval"]
    assert (evidence.value, evidence.samples) == (interval_s, len(window.probe))
    assert ("sys.setswitchinterval" in finding.summary) is told


def test_one_that_computes_and_others_that_wait_for_io() -> None:
    assert detect(scene(computing("one", app(1), *BOOT), moving("two", app(2), *BOOT, wait=Wait.IO))) is None


def test_one_that_computes_starves_nobody_who_only_sometimes_wants() -> None:
    rare = Life("web", (app(2), *BOOT), lambda n: Wait.GIL if n % 5 == 0 else Wait.IO, 5, 0.001)
    assert detect(scene(computing("one", app(1), *BOOT), rare)) is None


def test_threads_in_c_without_the_gil_do_not_fight() -> None:
    assert detect(scene(*[computing(f"t{n}", app(n), *BOOT, holds_gil=False) for n in range(4)])) is None


def test_waits_for_other_locks_are_none_of_it() -> None:
    assert detect(scene(*[stuck(f"t{n}", app(n), *BOOT) for n in range(4)])) is None


def test_waiters_that_look_whether_it_is_their_turn_have_not_had_it() -> None:
    """Every look finds most of them running for a moment, yet one core is all that they got together."""
    lives = [replace(m, wait=lambda n: Wait.GIL if n % 3 == 0 else Wait.RUNNING) for m in miners(4)]
    finding = found(detect(scene(*lives)))
    assert finding.evidence[0].value == pytest.approx(0.75, abs=0.01)


def test_waits_for_a_cpu_are_not_waits_for_the_gil() -> None:
    lives = [replace(m, queued_per_look=0.2 * 0.75) for m in miners(4)]
    assert detect(scene(*lives)) is None


def test_a_free_threaded_build_has_no_gil() -> None:
    assert detect(scene(*miners(4), build="free-threaded")) is None


def test_holders_in_several_threads_and_functions_are_places() -> None:
    finding = found(detect(scene(*miners(3), *miners(2, line=40))))
    assert finding.places
    assert {place.role for place in finding.places} == {"runs"}


def test_without_a_holder_those_that_want_it_are_named() -> None:
    lives = [Life(f"m{n}", (app(18, "mine"), *BOOT), Wait.GIL, 40, 0.05) for n in range(4)]
    finding = found(detect(scene(*lives)))
    assert finding.culprit is not None
    assert finding.culprit.line == 18


def test_too_little_is_said_to_be_too_little() -> None:
    assert "too few" in undecided(detect(scene(*miners(4), seconds=1.0))).reason
    blind = Life("a", (app(1),), Wait.UNKNOWN, None, None)
    assert "wait for" in undecided(detect(scene(blind))).reason
    uncounted = [replace(miner, cpu_per_look=None) for miner in miners(4)]
    assert "CPU time" in undecided(detect(scene(*uncounted))).reason
