"""The loop of the sensors: who is due, what it costs, and how that stretches the pauses. No thread is started here."""

from __future__ import annotations

from typing import Any

import pytest

from kdiag.machinery.clock import FakeClock
from kdiag.probe.cost import Cost
from kdiag.probe.crashes import Crashes
from kdiag.probe.fork import AtWork
from kdiag.probe.sensing import BUDGET, Running, Sensing


class Eye:
    """A sensor that costs as much as it is told to."""

    name = "eye"
    period_s = 0.1
    hook_s = 0.25
    dropped = 3
    buffered = 5

    def __init__(self, costs: FakeClock, tick_s: float = 0.0, broken: bool = False) -> None:
        self.costs = costs
        self.tick_s = tick_s
        self.broken = broken
        self.looks = 0
        self.stopped = 0

    def start(self) -> None: ...

    def stop(self) -> None:
        self.stopped += 1
        if self.broken:
            raise OSError

    def tick(self) -> None:
        self.looks += 1
        self.costs.step(self.tick_s)
        if self.broken:
            raise ZeroDivisionError

    def data(self, since: int) -> dict[str, Any]:
        return {"since": since, "looks": self.looks}


class Scene:
    def __init__(self, **eyes: Any) -> None:
        self.clock, self.costs = FakeClock(), FakeClock()
        self.crashes = Crashes()
        self.cost = Cost(self.clock.now, self.costs.now)
        self.eyes = {name: Eye(self.costs, **values) for name, values in eyes.items()}
        self.sensing = Sensing(self.cost, self.crashes, AtWork(), now=self.clock.now, thread_time=self.costs.now)
        self.sensing._running = {name: Running(eye, 0.0) for name, eye in self.eyes.items()}

    def pass_time(self, seconds: float) -> None:
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            self.sensing.tick()
            self.clock.step(self.sensing.rest_s())


def test_each_looks_at_its_own_pace() -> None:
    scene = Scene(quick={}, slow={})
    scene.eyes["slow"].period_s = 1.0
    scene.pass_time(30)
    assert 200 <= scene.eyes["quick"].looks <= 301  # jittered by up to a half
    assert 20 <= scene.eyes["slow"].looks <= 31
    assert scene.sensing.stretch == 1.0


@pytest.mark.parametrize("tick_s", [0.002, 0.01, 0.05])
def test_pauses_grow_with_the_cost_so_that_the_share_stays_below_the_budget(tick_s: float) -> None:
    scene = Scene(costly={"tick_s": tick_s}, cheap={"tick_s": tick_s / 100})
    scene.pass_time(200)
    report = scene.cost.report()
    assert report["share"] <= 0.01
    assert report["share"] > 0.004  # and no more than needed
    assert report["longest_pause_s"] == pytest.approx(tick_s)
    assert scene.sensing.stretch == pytest.approx(tick_s * 1.01 / 0.1 / BUDGET, rel=0.1)


def test_a_crash_is_counted_and_harms_no_neighbour() -> None:
    scene = Scene(broken={"broken": True}, sound={})
    scene.pass_time(10)
    assert scene.eyes["sound"].looks > 50
    assert scene.crashes.count == scene.eyes["broken"].looks > 50
    assert scene.crashes.last.startswith("ZeroDivisionError at ")
    scene.sensing.stop()
    assert [eye.stopped for eye in scene.eyes.values()] == [1, 1]
    assert not scene.sensing.running


def test_what_is_told_of_buffers_and_hooks() -> None:
    scene = Scene(eye={}, other={})
    assert scene.sensing.dropped == {"eye": 3, "other": 3}
    assert scene.sensing.buffered == {"eye": 5, "other": 5}
    assert scene.sensing.hook_s == 0.5
    assert scene.cost.report(scene.sensing.hook_s)["cpu_s"] == 0.5
    assert scene.sensing.data("eye", 7) == {"since": 7, "looks": 0}


def test_starting_twice_starts_once() -> None:
    costs = FakeClock()
    made: list[Eye] = []

    def eye() -> Eye:
        made.append(Eye(costs))
        return made[-1]

    sensing = Sensing(Cost(), Crashes(), AtWork(), lambda: {"eye": eye})
    sensing.start(["eye"])
    sensing.start(["eye"])
    assert sensing.names == ["eye"]
    assert len(made) == 1
    sensing.stop()
    assert made[0].stopped == 1
    assert not sensing.looping


def test_one_that_cannot_start_is_not_there() -> None:
    def none() -> Eye:
        raise ImportError

    crashes = Crashes()
    sensing = Sensing(Cost(), crashes, AtWork(), lambda: {"none": none})
    sensing.start(["none"])
    assert sensing.names == []
    assert crashes.count == 1
    assert not sensing.looping
