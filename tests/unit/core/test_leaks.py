"""memory-leak, fd-leak, thread-leak and zombie-children: what grows all the time, and what only seems to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kdiag.core.detectors import fd_leak, memory_leak, thread_leak, zombie_children
from kdiag.core.model import AllocationLine, Allocations, Child, Creation, Frame, ProcessSample, ThreadStart, Window
from tests.support.inside import with_probe
from tests.support.windows import (
    BOOT,
    EVENT_WAIT,
    FUTURES_WORKER,
    Life,
    app,
    found,
    idle_main,
    moving,
    scene,
    stuck,
    undecided,
)

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1024 * 1024


def test_memory_that_rises_all_the_time_is_suspected() -> None:
    finding = found(memory_leak.detect(scene(rss=lambda at: 100 * MIB + 5 * MIB * at)))
    assert finding.title == "Memory grew by 50 MiB in 10.0 s (300 MiB a minute): a leak is suspected"
    assert (finding.severity, finding.suspected, finding.culprit) == ("warning", True, None)
    assert finding.confidence < 0.95


@pytest.mark.parametrize(
    "rss",
    [
        lambda _: 100 * MIB,
        lambda at: 100 * MIB + 40 * MIB * min(at, 2) / 2,  # a cache that fills, then stays
        lambda at: 100 * MIB + 30 * MIB * (at % 2),  # garbage that comes and goes
        lambda at: 100 * MIB + (60 * MIB if at > 5 else 0),  # one step
        lambda at: 200 * MIB - 5 * MIB * at,
        lambda at: 100 * MIB + 0.9 * MIB * at,  # too little
        lambda at: 4000 * MIB + 15 * MIB * at,  # too little for so large a heap
    ],
)
def test_memory_that_only_seems_to_leak(rss: Callable[[float], float]) -> None:
    assert memory_leak.detect(scene(rss=rss)) is None


@pytest.mark.parametrize(("per_s", "sick"), [(0.99, False), (1.01, True)])
def test_ten_mebibytes_are_the_threshold(per_s: float, sick: bool) -> None:
    assert (memory_leak.detect(scene(rss=lambda at: 100 * MIB + per_s * MIB * at)) is not None) == sick


def test_unique_memory_is_preferred() -> None:
    window = scene(rss=lambda at: 100 * MIB + 5 * MIB * at)
    shared = tuple(replace(sample, uss=50 * MIB) for sample in window.process)
    assert memory_leak.detect(replace(window, process=shared)) is None


def test_all_memory_is_looked_at_where_the_unique_was_seen_for_too_short() -> None:
    window = scene(rss=lambda at: 100 * MIB + 5 * MIB * at)
    early = window.started_at + 7
    rare = tuple(replace(sample, uss=sample.rss if sample.at < early else None) for sample in window.process)
    finding = found(memory_leak.detect(replace(window, process=rare)))
    assert finding.evidence[0].source == "process.psutil.rss"


def test_slopes_take_eight_seconds() -> None:
    short = scene(seconds=7.5, rss=lambda at: 100 * MIB + 5 * MIB * at, descriptors=lambda at: int(20 * at))
    for detector in (memory_leak, fd_leak):
        assert "8 s" in undecided(detector.detect(short)).hint
    found(memory_leak.detect(scene(seconds=8.0, rss=lambda at: 100 * MIB + 5 * MIB * at)))


def test_what_stays_flat_is_decided_after_some_seconds() -> None:
    flat = scene(idle_main(), seconds=4.0)
    for detector in (memory_leak, fd_leak, thread_leak):
        assert detector.detect(flat) is None
        undecided(detector.detect(scene(idle_main(), seconds=2.0)))
    short = scene(seconds=7.5, threads=lambda at: 4 + int(10 * at))
    undecided(thread_leak.detect(short))
    slow = scene(idle_main(), seconds=4.0, descriptors=lambda at: 20 + int(at))
    undecided(fd_leak.detect(slow))  # its bounds do not exclude ten in half a minute


def test_descriptors_that_rise_are_told_by_kind_and_name() -> None:
    finding = found(
        fd_leak.detect(
            scene(
                descriptors=lambda at: 20 + int(20 * at),
                descriptor_names=lambda at: {"/srv/shop/log": 1, "socket TCP ESTABLISHED": int(20 * at)},
            )
        )
    )
    assert finding.severity == "warning"
    assert "most of them of kind 'file'" in finding.title
    assert "+200 lead to socket TCP ESTABLISHED" in finding.summary
    assert "the limit of 1024 is reached in 1 minutes" in finding.summary


def with_allocations(window: Window, told: Allocations) -> Window:
    """The window with what came of a tracing."""
    return replace(window, probe=tuple(replace(each, allocations=told) for each in with_probe(window).probe))


def traced(*created: Creation, lines: tuple[AllocationLine, ...] = (), state: str = "done") -> Allocations:
    return Allocations(state, 4.0, False, lines, created)


LIBRARY = Frame("/usr/lib/python3.11/pathlib.py", 1044, "")


def test_the_line_that_opens_them_is_to_blame_where_it_was_traced() -> None:
    window = scene(descriptors=lambda at: 20 + int(20 * at))
    assert "only where allocations are traced" in found(fd_leak.detect(window)).summary
    told = traced(Creation("file", (LIBRARY, app(41, "")), 70), Creation("file", (app(7, ""),), 2),
                  Creation("socket", (app(8, ""),), 900))  # fmt: skip
    finding = found(fd_leak.detect(with_allocations(window, told)))
    assert finding.title.endswith("kind 'file', opened at app.py:41")
    assert "Of 72 that were opened in 4.0 s of tracing and stay, 70 were opened at app.py:41." in finding.summary
    assert finding.culprit is not None
    assert finding.culprit.line == 41
    unseen = found(fd_leak.detect(with_allocations(window, traced())))
    assert "No line was seen to open them" in unseen.summary
    assert unseen.culprit is None
    early = with_allocations(window, replace(told, state="tracing"))
    assert found(fd_leak.detect(early)).culprit is None


def test_the_line_that_allocates_is_told_where_it_was_traced() -> None:
    lines = (AllocationLine((LIBRARY, app(41, "")), 10, 6 * MIB), AllocationLine((app(7, ""),), 10, 2 * MIB))
    window = with_allocations(scene(rss=lambda at: 100 * MIB + 5 * MIB * at), traced(lines=lines))
    assert (
        "Of 8.0 MiB that were allocated in 4.0 s of tracing and stayed, 6.0 MiB were at app.py:41."
        in found(memory_leak.detect(window)).summary
    )


def test_near_the_limit_it_is_critical() -> None:
    finding = found(fd_leak.detect(scene(descriptors=lambda at: 20 + int(20 * at), limit=256)))
    assert finding.severity == "critical"
    unlimited = found(fd_leak.detect(scene(descriptors=lambda at: 20 + int(20 * at), limit=None)))
    assert unlimited.severity == "warning"


@pytest.mark.parametrize(
    "descriptors",
    [
        lambda _: 20,
        lambda at: 20 + int(min(at, 2) * 20),  # a connection pool fills
        lambda at: 20 + int(at % 3 * 20),  # connections come and go
        lambda at: 20 + int(at * 0.8),  # too few
    ],
)
def test_descriptors_that_only_seem_to_leak(descriptors: Callable[[float], int]) -> None:
    assert fd_leak.detect(scene(descriptors=descriptors)) is None


def test_unreadable_descriptors_are_undecided() -> None:
    window = scene()
    closed = tuple(replace(sample, descriptors=None) for sample in window.process)
    assert "could not be read" in undecided(fd_leak.detect(replace(window, process=closed))).reason


def since(first: int, last: int = 10_000) -> Callable[[int], bool]:
    """There from one look to another."""
    return lambda look: first <= look < last


def watchers(born_at: Callable[[int], int], count: int = 60) -> list[Life]:
    """Threads that wait for ever, each from some look on."""
    frames = (*EVENT_WAIT, app(19, "watch"), *BOOT)
    return [Life(f"watch-{n}", frames, present=since(born_at(n))) for n in range(count)]


def test_threads_that_rise_are_told_by_their_line_and_name() -> None:
    finding = found(thread_leak.detect(scene(idle_main(), *watchers(lambda n: n))))
    assert "most new ones are at app.py:19" in finding.title
    assert "named like 'watch'" in finding.summary
    assert finding.culprit is not None
    assert finding.culprit.function == "watch"
    assert finding.threads


def test_the_line_that_starts_them_is_to_blame_where_it_was_seen() -> None:
    leaks = scene(idle_main(), *watchers(lambda n: n))
    unseen = found(thread_leak.detect(leaks))
    assert "Which line starts them was not seen" in unseen.summary
    caught = moving("accepter", *EVENT_WAIT, Frame("/usr/lib/python3.11/threading.py", 964, "Thread.start"), app(28))
    finding = found(thread_leak.detect(scene(idle_main(), caught, *watchers(lambda n: n))))
    assert "most are started at app.py:28" in finding.title
    starts = (ThreadStart((app(41, "accept"), *BOOT), 30), ThreadStart((app(7, "main"),), 2))
    probed = replace(leaks, probe=tuple(replace(each, starts=starts) for each in with_probe(leaks).probe))
    finding = found(thread_leak.detect(probed))
    assert "most are started at app.py:41" in finding.title
    assert "Of 32 starts that were seen, 30 were at app.py:41." in finding.summary
    assert finding.culprit is not None
    assert (finding.culprit.line, finding.culprit.function) == (41, "accept")
    assert [(place.role, place.line) for place in finding.places] == [("stays", 19)]


def test_threads_are_put_down_to_the_line_that_was_traced_to_make_them() -> None:
    leaks = with_allocations(scene(idle_main(), *watchers(lambda n: n)), traced(Creation("thread", (app(41, ""),), 30)))
    finding = found(thread_leak.detect(leaks))
    assert "most are started at app.py:41" in finding.title
    assert finding.culprit is not None
    assert finding.culprit.line == 41


def test_threads_that_were_started_at_once_are_no_leak() -> None:
    assert thread_leak.detect(scene(idle_main(), *watchers(lambda n: n // 12))) is None


def test_threads_of_requests_come_and_go() -> None:
    lives = [Life(f"request-{n}", (app(5), *BOOT), present=since(n, n + 8)) for n in range(50)]
    assert thread_leak.detect(scene(idle_main(), *lives)) is None


def pool_workers(name: Callable[[int], str]) -> list[Life]:
    return [Life(name(n), FUTURES_WORKER, present=since(n)) for n in range(50)]


def test_a_pool_that_fills_is_no_leak_and_a_pool_for_each_request_is() -> None:
    assert thread_leak.detect(scene(idle_main(), *pool_workers(lambda n: f"orders_{n}"))) is None
    finding = found(thread_leak.detect(scene(idle_main(), *pool_workers(lambda n: f"ThreadPoolExecutor-{n}_0"))))
    assert finding.severity == "warning"


def test_without_stacks_the_operating_systems_count_is_used() -> None:
    finding = found(thread_leak.detect(scene(threads=lambda at: 4 + int(10 * at))))
    assert finding.culprit is None
    assert finding.evidence[0].source == "process.psutil"


def zombies(count: int, since: float = 0.0, command: str = "convert") -> Callable[[float], list[Child]]:
    return lambda at: [Child(900 + n, command, at + 5, zombie=at >= since) for n in range(count)]


@pytest.mark.parametrize(("count", "severity"), [(0, None), (1, "info"), (3, "warning"), (100, "critical")])
def test_children_that_stay_zombies(count: int, severity: str | None) -> None:
    outcome = zombie_children.detect(scene(children=zombies(count)))
    assert (found(outcome).severity if outcome else None) == severity


def test_number_age_and_command_are_told() -> None:
    finding = found(zombie_children.detect(scene(children=zombies(5))))
    assert finding.title.startswith("5 exited children were not reaped for at least 3.0 s, all of them 'convert'")
    assert "started 15 s ago" in finding.summary


def test_zombies_of_the_last_moment_are_how_children_end() -> None:
    assert zombie_children.detect(scene(children=zombies(5, since=8.0))) is None
    fresh = scene(children=lambda at: [Child(int(at * 100), "true", 0.1, zombie=True)])
    assert zombie_children.detect(fresh) is None


def test_zombies_that_came_during_the_window_count() -> None:
    assert found(zombie_children.detect(scene(children=zombies(5, since=4.0)))).severity == "warning"


def test_a_short_window_cannot_tell_about_zombies() -> None:
    undecided(zombie_children.detect(scene(children=zombies(5), seconds=2.0)))
    assert zombie_children.detect(scene(seconds=2.0)) is None
    undecided(zombie_children.detect(replace(scene(stuck("a", app(1))), process=())))


def test_one_sample_is_never_a_trend() -> None:
    one = replace(scene(), process=(ProcessSample(0.0, 0.0, 1, 1),))
    for detector in (memory_leak, fd_leak, thread_leak):
        undecided(detector.detect(one))
