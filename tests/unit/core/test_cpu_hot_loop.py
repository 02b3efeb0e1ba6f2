"""cpu-hot-loop: a note for a batch program, a warning where others depend on it, critical where the GIL is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kdiag.core.detectors.cpu_hot_loop import detect
from kdiag.core.model import Frame, LineFacts, ProfiledStack, ProfileSample, Wait, Window
from tests.support.windows import (
    BOOT,
    CALLBACK,
    LOOP,
    MODULE,
    PID,
    SELECT,
    SITE,
    STDLIB,
    Life,
    app,
    computing,
    found,
    idle_main,
    lines,
    moving,
    scene,
    stuck,
    undecided,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

BATCH = Life("MainThread", lambda n: (app(10 + n % 4, "crunch"), *MODULE), Wait.RUNNING, 1, 0.2, True, main=True)
CALL = lines((17, LineFacts("return MAIL.match(a)", "is_ours", call="MAIL.match")))
REGEX = computing("check", app(17, "is_ours"), app(22, "check"), *BOOT)


def batch(cpu: float = 0.98, **numbers: object) -> Window:
    return scene(BATCH, cpu=cpu, **numbers)


def test_a_batch_program_is_worth_a_note() -> None:
    finding = found(detect(batch()))
    assert finding.severity == "info"
    assert 25 <= finding.score < 75
    assert finding.title == "crunch (app.py:10) is in 100% of the running stacks of a process at 98% CPU"
    assert finding.culprit is not None
    assert finding.culprit.function == "crunch"


def test_a_service_that_listens_is_warned() -> None:
    finding = found(detect(batch(listening=True)))
    assert finding.severity == "warning"
    assert "Others depend on this process" in finding.summary


def test_a_process_with_a_loop_is_warned() -> None:
    loop = Life("loop", (*SELECT, *LOOP), Wait.POLL)
    assert found(detect(scene(BATCH, loop, cpu=0.98))).severity == "warning"


def test_the_line_that_runs_a_loop_is_not_to_blame_for_what_its_callbacks_do() -> None:
    def running(inner: Frame) -> Life:
        return Life("MainThread", (inner, *CALLBACK), Wait.RUNNING, 1, 0.2, True, main=True)

    parse = Frame(f"{SITE}/h11/_readers.py", 60, "maybe_read")
    assert found(detect(scene(running(parse), cpu=0.98))).title.startswith("maybe_read ")
    assert found(detect(scene(running(app(10, "crunch")), cpu=0.98))).title.startswith("crunch (app.py:10) ")


@pytest.mark.parametrize("server", [f"{SITE}/waitress/server.py", f"{STDLIB}/socketserver.py"])
def test_the_line_that_runs_a_server_is_not_to_blame_for_it(server: str) -> None:
    def running(*inner: Frame) -> Life:
        frames = (*inner, Frame(server, 180, "serve"), app(46, "main"), *MODULE)
        return Life("MainThread", frames, Wait.RUNNING, 1, 0.2, True, main=True)

    assert detect(scene(running(), cpu=0.98, listening=True)) is None
    request = found(detect(scene(running(app(10, "crunch"), Frame(f"{SITE}/flask/app.py", 9, "wsgi_app")), cpu=0.98)))
    assert request.title.startswith("crunch (app.py:10) ")
    library = found(detect(scene(running(Frame(f"{SITE}/flask/app.py", 9, "wsgi_app")), cpu=0.98)))
    assert library.title.startswith("wsgi_app ")


def test_threads_that_beg_for_the_gil_make_it_a_warning() -> None:
    begging = Life("web", (app(80, "answer"), *BOOT), lambda n: Wait.GIL if n % 2 else Wait.IO, 3, 0.0)
    finding = found(detect(scene(BATCH, begging, cpu=0.98)))
    assert finding.severity == "warning"
    assert "beg for the GIL" in finding.summary
    alike = Life("second", (app(11, "crunch"), *BOOT), Wait.GIL, 3, 0.0)
    assert found(detect(scene(BATCH, alike, cpu=0.98))).severity == "info"  # the same job, not somebody else's


@pytest.mark.parametrize(("cpu", "hot"), [(0.79, False), (0.8, True), (2.0, True)])
def test_most_of_a_core_is_the_threshold(cpu: float, hot: bool) -> None:
    lazy = Life("MainThread", (app(10, "crunch"), *MODULE), lambda n: Wait.RUNNING if n % 2 else Wait.SLEEP)
    assert (detect(scene(lazy, cpu=cpu)) is not None) == hot


@pytest.mark.parametrize(("cpu", "queued", "hot"), [(0.5, 0.5, True), (0.5, 0.2, False), (0.2, 0.8, False)])
def test_on_a_busy_machine_what_the_process_wants_counts(cpu: float, queued: float, hot: bool) -> None:
    life = replace(BATCH, cpu_per_look=cpu * 0.2, queued_per_look=queued * 0.2)
    outcome = detect(scene(life, cpu=cpu))
    assert (outcome is not None) == hot
    if hot:
        assert found(outcome).title.endswith("at 50% CPU")
        assert {e.metric: e.value for e in found(outcome).evidence}["cpu.wanted"] == pytest.approx(1.0)


@pytest.mark.parametrize(("parts", "hot"), [(1, True), (2, False), (4, False)])
def test_one_function_must_have_most_of_the_stacks(parts: int, hot: bool) -> None:
    spread = Life("MainThread", lambda n: (app(n % parts, f"part{n % parts}"), *MODULE), Wait.RUNNING, 1, 0.2, True)
    assert (detect(scene(spread, cpu=1.0)) is not None) == hot


def test_a_call_into_c_that_does_not_return_and_keeps_the_gil() -> None:
    accepting = stuck("MainThread", Frame(f"{STDLIB}/socket.py", 294, "socket.accept"), app(30, "main"), wait=Wait.IO)
    finding = found(detect(scene(accepting, REGEX, cpu=0.98, lines=CALL, listening=True)))
    assert (finding.severity, finding.suspected) == ("critical", True)
    assert finding.title == (
        "MAIL.match called by is_ours at app.py:17 has not returned for at least 10.0 s and keeps the GIL"
    )
    assert finding.culprit is not None
    assert (finding.culprit.function, finding.culprit.object) == ("is_ours", "MAIL.match")


def test_where_nobody_waits_for_it_such_a_call_is_a_warning() -> None:
    assert found(detect(scene(REGEX, idle_main(), cpu=0.98, lines=CALL))).severity == "warning"
    begging = Life("web", (app(80, "answer"), *BOOT), Wait.GIL, 3, 0.0)
    assert found(detect(scene(REGEX, begging, cpu=0.98, lines=CALL))).severity == "critical"


def test_a_call_that_gives_the_gil_back_is_a_warning() -> None:
    lives = [computing("hash", app(17, "digest"), *BOOT, holds_gil=False), idle_main()]
    finding = found(detect(scene(*lives, cpu=0.98, lines=CALL)))
    assert finding.severity == "warning"
    assert "keeps the GIL" not in finding.title


def test_the_users_call_is_named_where_the_library_makes_another() -> None:
    inner = Frame(f"{STDLIB}/re.py", 190, "match")
    facts: Mapping[tuple[str, int], LineFacts] = {
        (inner.file, 190): LineFacts("return _compile(p).match(s)", "match", call="_compile(p).match"),
        **lines((17, LineFacts("re.match(p, a)", "is_ours", call="re.match"))),
    }
    lives = [computing("check", inner, app(17, "is_ours"), *BOOT), idle_main()]
    finding = found(detect(scene(*lives, cpu=0.98, lines=facts)))
    assert finding.title.startswith("re.match called by is_ours at app.py:17")
    assert [(p.role, p.line) for p in finding.places] == [("runs", 190)]


@pytest.mark.parametrize(
    "life",
    [
        Life("check", lambda n: (app(17 if n % 8 else 18, "is_ours"), *BOOT), Wait.RUNNING, 1, 0.2, True),
        Life("check", (app(17, "is_ours"), *BOOT), lambda n: Wait.RUNNING if n % 8 else Wait.IO, 1, 0.2),
    ],
)
def test_a_call_that_comes_back_now_and_then_is_none(life: Life) -> None:
    finding = found(detect(scene(life, idle_main(), cpu=0.98, lines=CALL)))
    assert finding.severity == "info"


def test_a_line_without_a_call_is_a_python_loop() -> None:
    assert found(detect(scene(REGEX, idle_main(), cpu=0.98))).severity == "info"


def test_an_idle_process_is_healthy_whatever_its_stacks() -> None:
    assert detect(scene(moving("a", app(1)), cpu=0.05)) is None


def test_too_little_is_said_to_be_too_little() -> None:
    assert "too few" in undecided(detect(batch(seconds=2.0))).reason
    assert "not seen twice" in undecided(detect(batch(seconds=0.0))).reason
    assert "stacks" in undecided(detect(scene(cpu=0.98))).reason


def test_the_profile_decides_where_all_stacks_are_rare() -> None:
    chunks = tuple(
        ProfileSample(at, 3.0, 60, (ProfiledStack(PID + 9, "hot", (app(5, "crunch"), *BOOT), 57),))
        for at in (3.0, 6.0, 9.0)
    )
    finding = found(detect(replace(scene(idle_main(), hz=0.3, cpu=0.98), profile=chunks)))
    assert finding.culprit is not None
    assert (finding.culprit.function, finding.culprit.thread) == ("crunch", "hot")
    assert finding.evidence[1].source == "profile.py-spy"
