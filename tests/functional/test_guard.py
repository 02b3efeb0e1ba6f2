"""Containers that change, as users see it: both sides in one diagnosis, and what `kdiag guard` tells of a suspect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.interpreters import Interpreter, each_interpreter, of_minor
from tests.support.kdiag import kdiag
from tests.support.targets import REPOSITORY, start_target
from tests.targets.truth import culprit_lines

WATCHERS = (3, 12)
TARGETS = REPOSITORY / "tests/targets"  # one in a chroot is gone with its target


@pytest.mark.parametrize("form", ["plain", "set", "ordered"])
@pytest.mark.parametrize("minor", [(3, 11), (3, 13), (3, 15)], ids=lambda minor: f"3.{minor[1]}")
def test_both_sides_are_named_in_one_diagnosis(minor: tuple[int, int], form: str) -> None:
    with start_target("metrics_registry", form, python=of_minor(minor)) as target:
        target.wait_for("failed")
        report = kdiag("diagnose", target.pid, "--format", "json").json
    finding = report["findings"][0]
    assert (report["verdict"], finding["severity"]) == ("dict-mutation", "critical"), report["findings"]
    places = {place["role"]: place for place in finding["places"]}
    assert places["iterates"]["thread"] == "scraper"
    assert places["writes"]["thread"].startswith("request-")
    lines = culprit_lines(TARGETS / target.script.name)
    for place in places.values():
        assert Path(place["file"]).name == target.script.name
        assert place["line"] in lines, place
        assert (
            place["object"] == f"metrics_registry.{ {'plain': 'SERIES', 'set': 'NAMES', 'ordered': 'ORDERED'}[form] }"
        )
    if form == "plain":
        assert (finding["confidence"] > 0.9) == (minor >= WATCHERS), finding["summary"]
        assert ("the write itself was not seen" in finding["summary"]) == (minor < WATCHERS)


@each_interpreter(minimum=(3, 11), one_per_minor=True)
def test_one_lock_around_both_sides_is_healthy(python: Interpreter) -> None:
    with start_target("metrics_registry", "locked", python=python) as target:
        report = kdiag("diagnose", target.pid, "--format", "json").json
    assert report["verdict"] == "healthy", report["findings"]


@each_interpreter(minimum=WATCHERS, one_per_minor=True)
def test_guard_finds_a_lost_update(python: Interpreter) -> None:
    with start_target("lost_update", python=python) as target:
        names = ("lost_update:COUNTS", "lost_update:TOTALS")
        ran = kdiag("guard", target.pid, *names, "--for", "4s", "--format", "json")
        words = kdiag("guard", target.pid, *names, "--for", "2s").out
    assert ran.code == 1, ran.out + ran.err
    found: dict[str, Any] = {each["kind"]: each for each in ran.json["conflicts"]}
    assert {each["name"] for each in ran.json["conflicts"]} == {"lost_update.COUNTS"}
    lost = found["lost-update"]
    assert lost["writes"]["frames"][0]["line"] in culprit_lines(TARGETS / target.script.name)
    assert lost["writes"]["thread"] != lost["other"]["thread"]
    assert "lost_update.COUNTS: updates are lost" in words


@each_interpreter(minimum=WATCHERS, one_per_minor=True)
def test_a_scan_proposes_suspects(python: Interpreter) -> None:
    with start_target("lost_update", python=python) as target:
        ran = kdiag("guard", target.pid, "--scan", "--for", "3s", "--format", "json")
    suspects = {each["path"]: each["locked"] for each in ran.json["suspects"]}
    assert ran.code == 0, ran.err
    assert suspects == {"lost_update:COUNTS": False, "lost_update:Pages.seen": False, "lost_update:TOTALS": True}


def test_without_watchers_the_writers_are_found_by_their_code() -> None:
    with start_target("lost_update", python=of_minor((3, 11))) as target:
        ran = kdiag("guard", target.pid, "lost_update:COUNTS", "lost_update:TOTALS", "--for", "2s", "--format", "json")
        scan = kdiag("guard", target.pid, "--scan", "--for", "1s")
    assert ran.code == 0, ran.out + ran.err  # unlocked writes alone are no fault
    assert ran.json["limits"] == ["no-watchers"]
    assert {(each["name"], each["kind"], each["seen"]) for each in ran.json["conflicts"]} == {
        ("lost_update.COUNTS", "unlocked-writes", False)
    }
    assert (scan.code, scan.reference) == (3, "no-watchers")


ERRORS = (
    (("lost_update:NOTHING",), 2, "no-such-name"),
    (("nowhere:COUNTS",), 2, "no-such-name"),
    (("lost_update:LOCK",), 2, "not-a-dict"),
    (("nonsense",), 2, "bad-name"),
    ((), 2, "usage"),
    (("lost_update:COUNTS", "--scan"), 2, "usage"),
    (("lost_update:COUNTS", "--attach", "none"), 2, "usage"),
    (("lost_update:SETTINGS", "--for", "1s"), 4, ""),
)


def test_what_cannot_be_guarded_is_said() -> None:
    with start_target("lost_update") as target:
        for arguments, code, reference in ERRORS:
            ran = kdiag("guard", target.pid, *arguments)
            assert (ran.code, ran.reference) == (code, reference), (arguments, ran.out, ran.err)
