"""Triage of a live process: one look for all playbooks, and the same path on the recording of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.kdiag import kdiag
from tests.support.targets import start_target

if TYPE_CHECKING:
    from pathlib import Path

MATCHES = {"deadlock", "requests-hang"}


def test_a_live_process_gets_its_story_and_its_recording_the_same_one(tmp_path: Path) -> None:
    file = tmp_path / "shop.kdiag"
    with start_target("kdiag.demos.deadlock") as target:
        ran = kdiag("triage", target.pid, "--format", "json", "--record", file, "--for", "20s")
        assert ran.code == 1, ran.err
        live = ran.json
        played = kdiag("playbook", "run", "requests-hang", target.pid, "--explain", "--param", "window=20s")
        assert played.code == 1, played.err
        assert "circle: critical" in played.out
    again = kdiag("triage", "--from", file, "--format", "json")
    assert again.code == 1, again.err

    assert live["verdict"] == again.json["verdict"] == "deadlock"
    paths = [{each["name"]: each["path"] for each in told["playbooks"]} for told in (live, again.json)]
    assert paths[0].keys() >= MATCHES
    assert all(paths[1][name] == paths[0][name] for name in MATCHES)
    assert live["story"]["do"][0] == again.json["story"]["do"][0]
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
