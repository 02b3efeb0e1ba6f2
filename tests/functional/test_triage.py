"""Playbooks on a live process, and a change that a triage tries; the truth table has a triage of every target."""

from __future__ import annotations

from tests.support.kdiag import kdiag
from tests.support.targets import start_target


def test_a_playbook_is_run_on_a_live_process_and_tells_its_path() -> None:
    with start_target("kdiag.demos.deadlock") as target:
        ran = kdiag("playbook", "run", "requests-hang", target.pid, "--explain", "--param", "window=20s")
    assert ran.code == 1, ran.err
    assert "circle: critical" in ran.out
    assert "findings.deadlock.present → yes (findings.deadlock.present = true)" in " ".join(ran.out.split())
    assert kdiag("triage", 4_000_000).code == 3


def test_a_change_is_tried_verified_and_taken_back() -> None:
    with start_target("gc_big_heap") as target:
        asked = kdiag("triage", target.pid, "--act", "gc.freeze")
        assert (asked.code, asked.reference) == (2, "not-confirmed")
        ran = kdiag(
            "triage", target.pid, "--for", "3s", "--playbook", "gc-pressure", "--act", "gc.freeze", "--yes",
            "--format", "json",
        )  # fmt: skip
        assert ran.out, ran.err
        action = ran.json["action"]
        left = kdiag("gc", target.pid, "--undo")

    assert (action["change"], action["undone"], action["verify"]) == ("gc.freeze()", True, "gc.share < 0.1")
    assert action["helped"] == (action["after"]["gc.share"] < 0.1)
    assert action["after"]["gc.frozen"] > 0
    assert "nothing to take back" in left.out
