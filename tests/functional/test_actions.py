"""What playbooks propose to change, tried in a live process: shown before and after, and taken back without a trace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.browser import Browser, needs_browser
from tests.support.interpreters import of_minor
from tests.support.kdiag import kdiag
from tests.support.targets import start_target

if TYPE_CHECKING:
    from tests.support.targets import Target

PLAYBOOK = Path(__file__).parents[1] / "playbooks" / "look-inside.yaml"
_FITS = "document.documentElement.scrollWidth <= window.innerWidth"


def settings(pid: int) -> tuple[list[int], bool, int]:
    """How a process's collector is set."""
    seen: dict[str, Any] = kdiag("gc", pid, "--for", "500ms", "--format", "json").json
    return seen["thresholds"], seen["enabled"], seen["frozen"]


@needs_browser
def test_both_changes_of_the_collector_are_tried_shown_and_taken_back(tmp_path: Path) -> None:
    page = tmp_path / "triage.html"
    asked = ("--playbook", "gc-pressure", "--for", "2s", "--yes")
    with start_target("gc_big_heap") as target:
        before = settings(target.pid)
        frozen = kdiag("triage", target.pid, *asked, "--act", "gc.freeze", "-f", "html", "-o", page)
        slower = kdiag("triage", target.pid, *asked, "--act", "gc.threshold", "-f", "json")
        after = settings(target.pid)
    assert page.exists(), frozen.err
    assert before == after

    with Browser() as browser:
        for width in (390, 1400):
            for dark in (False, True):
                browser.open(page, width, dark=dark)
                assert browser.evaluate(_FITS), (width, dark)
        told = browser.evaluate("document.querySelector('#tried').innerText")
        assert browser.complaints == []
        assert set(browser.requests) <= {page.as_uri(), "data:,"}
    assert "Tried: gc.freeze()" in told
    assert "It helped: gc.share < 0.1" in told
    assert f"the process is set as before: thresholds {', '.join(map(str, before[0]))}, 0 objects frozen." in told

    assert "With it the incident counted as over, from " in told

    # Where collections are asked for by hand thresholds change nothing, which is said.
    action = slower.json["action"]
    assert action["change"] == "gc.set_threshold(50000, 20, 20)"
    assert (action["helped"], action["undone"], action["restored"]) == (False, True, True)
    assert (action["clear"], action["clear_after_s"]) == (False, None)
    assert action["before"]["gc.share"] > 0.1 < action["after"]["gc.share"]


def tried(target: Target, action: str) -> dict[str, Any]:
    """What a triage says of an action that only looks."""
    ran = kdiag(
        "triage", target.pid, "--playbook", PLAYBOOK, "--for", "1s", "--act", action, "--yes", "--format", "json"
    )  # fmt: skip
    assert ran.out, ran.err
    action_: dict[str, Any] = ran.json["action"]
    return action_


def test_a_dict_is_guarded_where_a_playbook_proposes_it() -> None:
    python = of_minor((3, 13))
    with start_target("metrics_registry", python=python) as target:
        told = tried(target, "guard.dict")
        left = kdiag("guard", target.pid, "__main__:NOT_THERE")
    assert told["change"] == "guard __main__:SERIES"
    assert (told["helped"], told["undone"]) == (True, True), told
    assert any("SERIES" in line for line in told["found"])
    assert left.reference == "no-such-name", "the process can be entered again"


def test_tasks_are_dumped_where_a_playbook_proposes_it() -> None:
    with start_target("asyncio_app", "busy") as target:
        told = tried(target, "tasks.dump")
    assert told["helped"] is True
    assert told["after"]["tasks.count"] >= 20
    assert any("answer" in line for line in told["found"])
