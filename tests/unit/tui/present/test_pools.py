"""The pools' page of a picture, without a screen."""

from __future__ import annotations

from dataclasses import replace

from kdiag.core.model import ProbedPool
from kdiag.core.report.pools import watched
from kdiag.tui.present.pools import pools_page
from tests.support.feeds import picture
from tests.support.inside import runs, with_probe
from tests.support.windows import FUTURE_RESULT, FUTURES_TASK, FUTURES_WORKER, app, idle_main, moving, scene, stuck

WORKERS = (
    stuck("jobs_0", *FUTURE_RESULT, app(30, "make"), *FUTURES_TASK),
    moving("jobs_1", app(31, "count"), *FUTURES_TASK),
    stuck("jobs_2", *FUTURES_WORKER),
)


def test_before_and_after_are_the_windows_ends_and_who_did_not_move_is_told() -> None:
    pool = ProbedPool("concurrent.futures", "jobs", 3, 0, (1, 2, 3), (3,), (), id=9)
    window = with_probe(
        scene(*WORKERS),
        pools=lambda at: [replace(pool, queued=int(at * 2), done=int(at * 10)), replace(pool, id=10, name="calm")],
    )
    lines = pools_page(picture(window, inside=True), 100).plain.splitlines()
    assert lines[2].split() == ["jobs", "concurrent.futures", "3", "2", "1", "20", "+19", "≥", "10", "-"]
    assert "  1 × app.py:30 make, for ≥ 9.5 s" in lines
    assert "  1 × app.py:31 count" in lines
    assert lines[-2] == "Queues over the window"
    assert lines[-1].startswith("  jobs                   1 → 20    ▁")
    assert lines[-1].endswith("█")


def test_frames_that_only_the_probe_knows_are_shown() -> None:
    pool = ProbedPool("concurrent.futures", "jobs", 3, 0, (1,), (), (), id=9)
    blind = scene(replace(WORKERS[0], frames=()))
    window = with_probe(blind, pools=lambda _: [pool], threads=lambda _: [runs(1, "jobs_0", app(77, "hidden"))])
    assert "1 × app.py:77 hidden" in pools_page(picture(window, inside=True), 100).plain


def test_looks_at_pools_lie_between_those_at_the_stacks() -> None:
    window = with_probe(scene(*WORKERS), pools=lambda at: [ProbedPool("anyio", "", 3, int(at), (), (), ())])
    late = replace(window, stacks=tuple(each for each in window.stacks if 3.1 < each.at < 7.1))
    assert watched(late).span_s == 3.5  # from 3.5 to 7.0


def test_from_outside_the_frames_tell_the_workers() -> None:
    shown = picture(scene(idle_main(), *WORKERS))
    text = pools_page(shown, 100).plain
    assert "seen from inside only. Press a to let a probe in." in " ".join(text.split())
    assert "jobs  ThreadPoolExecutor     -     2     1       -       -       -       -" in text
    assert "jobs: 2 of 3 workers are busy" in text
    assert "  1 × app.py:30 make, for ≥ 10.0 s" in text
    assert "No pool was seen" in pools_page(picture(scene(idle_main())), 100).plain
    assert "No pool was seen" in pools_page(picture(scene()), 100).plain
    assert "has not looked yet" in pools_page(replace(shown, inside=True), 100).plain
