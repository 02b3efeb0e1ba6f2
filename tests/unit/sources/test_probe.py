"""What crosses the boundary from the target: typed, bounded, and counted from this session's beginning."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, cast

import pytest

from kdiag.attach.channel import Channel, Cost
from kdiag.core.model import Frame
from kdiag.errors import KdiagError
from kdiag.machinery.clock import FakeClock
from kdiag.machinery.context import background
from kdiag.sources.probe import BUDGET, LONGER_PERIOD_S, LONGEST_PERIOD_S, MOST, PERIOD_S, SENSORS, ProbeSource
from kdiag.sources.tools import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable

PLACE = ["/srv/app.py", 7, "churn"]


def answer(**collector: Any) -> dict[str, Any]:
    """What a probe says that has seen nothing yet."""
    return {
        "gc": {
            "at": 100.0, "since": 90.0, "seconds": [0.0, 0.0, 0.0], "longest": [0.0, 0.0, 0.0], "seen": [0, 0, 0],
            "collections": [0, 0, 0], "collected": [0, 0, 0], "uncollectable": [0, 0, 0], "asked": 0, "young": [0, 0],
            "histogram": [], "thresholds": [700, 10, 10], "enabled": True, "frozen": 0, "places": [], "pauses": [],
            "sequence": 0, "dropped": 0, **collector,
        },
        "threads": {
            "at": 100.0, "dropped": 0, "took": 0.001, "pools": [], "tasks": [], "adapters": [],
            "failed": [], "switch_interval": 0.005,
            "threads": [{"ident": 1, "native": 30, "name": "MainThread", "daemon": False, "frames": [PLACE]}],
        },
        "loops": {"at": 100.0, "loops": [], "delays": [], "sequence": 0, "tasks": None, "dropped": 0},
        "memory": {"at": 100.0, "blocks": 5, "count": [1, 2, 3], "rss": 1, "threads": 1},
        "crashes": {"at": 100.0, "hooks": [], "raises": False, "groups": [], "sequence": 0, "dropped": 0},
        "maps": {
            "at": 100.0, "watched": [], "conflicts": [], "suspects": [], "limits": [], "sequence": 0, "dropped": 0,
        },
    }  # fmt: skip


def place(collections: int, seconds: float) -> dict[str, Any]:
    """A place that started collections."""
    frames, asked = [PLACE], 0
    return {"thread": "w", "ident": 2, "frames": frames, "collections": collections, "seconds": seconds, "asked": asked}


class Answers:
    """The other end of a channel: gives the answers in turn, and remembers what it was asked."""

    def __init__(self, *answers: dict[str, Any] | KdiagError, started: object = SENSORS) -> None:
        self._answers = list(answers)
        self._started = started
        self.asked: list[dict[str, Any]] = []
        self.used_s = 0.0
        self.answer_s = 0.0

    def request(self, method: str, _within_s: float = 10.0, **params: Any) -> dict[str, Any]:
        if method == "start":
            return {"sensors": list(cast("Any", self._started))}
        self.asked.append(params)
        self.used_s += self.answer_s
        given = self._answers.pop(0)
        if isinstance(given, KdiagError):
            raise given
        return given

    def cost(self) -> Cost:
        self.used_s += 0.01
        return Cost(self.used_s, 100 * self.used_s, 0.01, 0.004, 1.0, {}, {}, 0, "")


def source(*answers: dict[str, Any] | KdiagError, started: object = SENSORS) -> tuple[ProbeSource, Answers]:
    channel = Answers(*answers, started=started)
    return ProbeSource(cast("Channel", channel), lambda native: native + 1000, FakeClock()), channel


def test_a_session_begins_where_the_sensors_are() -> None:
    first = answer(
        seconds=[5.0, 0.0, 0.0], seen=[100, 0, 0], collections=[100, 0, 0], places=[place(90, 4.0)], sequence=3,
        histogram=[[20, 100]],
    )  # fmt: skip
    second = answer(
        at=102.0, seconds=[5.5, 0.0, 0.25], seen=[110, 0, 1], collections=[110, 0, 1],
        places=[place(99, 4.5), {**place(1, 0.25), "ident": 3}], sequence=4, pauses=[{"sequence": 4, "seconds": 0.25}],
        histogram=[[20, 110], [28, 1]], asked=1,
    )  # fmt: skip
    probe, channel = source(first, second)
    probe.begin()
    seen = probe.sample(background()).collector
    assert (seen.span_s, seen.seconds, seen.collections, seen.timed) == (2.0, (0.5, 0.0, 0.25), (10, 0, 1), 11)
    assert (seen.longest_s, seen.asked) == (0.25, 1)
    assert [(each.collections, each.seconds, each.frames) for each in seen.allocators] == [
        (9, 0.5, (Frame("/srv/app.py", 7, "churn"),)),
        (1, 0.25, (Frame("/srv/app.py", 7, "churn"),)),
    ]
    assert channel.asked[1]["sensors"]["gc"] == 3


def test_short_collections_are_as_long_as_their_step_of_the_histogram() -> None:
    probe, _ = source(answer(histogram=[[15, 4]]), answer(at=101.0, histogram=[[15, 9], [14, 2]]))
    probe.begin()
    assert probe.sample(background()).collector.longest_s == pytest.approx(2**14 / 1e9)


def test_threads_are_known_by_our_ids() -> None:
    probe, _ = source(answer(), answer(at=101.0))
    probe.begin()
    (thread,) = probe.sample(background()).threads
    assert (thread.native_id, thread.frames, thread.wait) == (1030, (Frame("/srv/app.py", 7, "churn"),), None)


def test_the_cost_is_that_of_this_session() -> None:
    probe, channel = source(answer(), answer(at=101.0))
    channel.used_s = 5.0
    assert probe.cost() == (0.0, 0.0)
    probe.begin()
    probe.sample(background())
    share, longest_s = probe.cost()
    assert share == pytest.approx(0.01)
    assert longest_s == 0.004


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(message: Any) -> None:
        *folders, last = path.split(".")
        for name in folders:
            message = message[int(name) if name.isdigit() else name]
        if value is None:
            del message[last]
        else:
            message[last] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_set("gc", None), id="a sensor is missing"),
        pytest.param(_set("gc", [1, 2]), id="no object"),
        pytest.param(_set("gc.seconds", [0.0]), id="too few generations"),
        pytest.param(_set("gc.seconds", [-1.0, 0.0, 0.0]), id="negative"),
        pytest.param(_set("gc.at", float("nan")), id="no number"),
        pytest.param(_set("gc.at", float("inf")), id="endless"),
        pytest.param(_set("gc.seen", [0.5, 0, 0]), id="half a collection"),
        pytest.param(_set("threads.threads.0.frames", [["/srv/app.py", "7", "churn"]]), id="a line that is text"),
        pytest.param(_set("threads.threads.0.ident", -4), id="a negative thread"),
        pytest.param(_set("threads.threads.0.wait", {"kind": "nonsense"}), id="a wait of no kind"),
        pytest.param(_set("loops.delays", "none"), id="text for a list"),
    ],
)
def test_nonsense_is_a_failure_of_the_source_and_no_more(change: Callable[[dict[str, Any]], None]) -> None:
    wrong = copy.deepcopy(answer(at=101.0))
    change(wrong)
    probe, _ = source(answer(), wrong, answer(at=102.0))
    probe.begin()
    with pytest.raises(SourceError) as failure:
        probe.sample(background())
    assert failure.value.reference == "probe-protocol"
    assert probe.sample(background()).collector.span_s == 2.0


def test_a_wait_beyond_the_frames_is_left_out() -> None:
    beyond = answer(at=101.0)
    wait = {"kind": "lock", "id": 1, "name": "", "owner": 0, "held_at": None, "depth": 4}
    beyond["threads"]["threads"][0]["wait"] = wait
    probe, _ = source(answer(), beyond)
    probe.begin()
    assert probe.sample(background()).threads[0].wait is None


def test_a_probe_that_is_gone_is_a_failure_of_the_source() -> None:
    probe, _ = source(answer(), KdiagError("probe-gone", "it left", hint="again"))
    probe.begin()
    with pytest.raises(SourceError) as failure:
        probe.sample(background())
    assert (failure.value.reference, failure.value.hint) == ("probe-gone", "again")


def test_sensors_that_do_not_start() -> None:
    probe, _ = source(answer(), started=("gc",))
    with pytest.raises(SourceError, match="only these sensors"):
        probe.begin()


def test_containers_that_grow_are_looked_for_once_memory_grows() -> None:
    grows = answer(at=101.0)
    grows["memory"] = {**grows["memory"], "rss": 2 << 20}
    told = copy.deepcopy(grows)
    told["keepers"] = {
        "at": 102.0, "walks": 2, "visited": 40, "whole": False, "growing": [
            {"root": "shop", "path": ".SESSIONS", "file": "/srv/shop.py", "line": 0, "kind": "dict", "containers": 1,
             "before": 10, "after": 90, "seconds": 2.0, "types": [["shop.Session", 8]], "each": 500},
        ],
    }  # fmt: skip
    probe, channel = source(answer(), answer(at=100.5), grows, told, started=(*SENSORS, "keepers"))
    probe.begin()
    assert [probe.sample(background()).keepers for _ in range(2)] == [None, None]
    assert [set(asked["sensors"]) - set(SENSORS) for asked in channel.asked] == [set(), set(), set()]
    seen = probe.sample(background()).keepers
    assert "keepers" in channel.asked[-1]["sensors"]
    assert seen is not None
    (keeper,) = seen.growing
    assert (keeper.name, keeper.per_s, keeper.bytes_per_s) == ("shop.SESSIONS", 40.0, 20_000.0)


def test_containers_are_looked_for_once_descriptors_become_more() -> None:
    probe, channel = source(answer(), answer(at=100.5), answer(at=101.0), started=(*SENSORS, "keepers"))
    opened = iter((20, 28))
    probe.descriptors = lambda: next(opened, 28)
    probe.begin()
    probe.sample(background())
    probe.sample(background())
    assert "keepers" in channel.asked[-1]["sensors"]


def test_who_starts_threads_is_looked_for_once_there_are_more() -> None:
    grows = answer(at=101.0)
    grows["memory"] = {**grows["memory"], "threads": 9}
    told = {**grows, "starts": {"at": 102.0, "available": True, "places": [{"frames": [PLACE], "count": 7}]}}
    probe, channel = source(answer(), grows, told, started=(*SENSORS, "starts"))
    probe.begin()
    assert probe.sample(background()).starts == ()
    (start,) = probe.sample(background()).starts
    assert (start.count, start.frames[0].line) == (7, 7)
    assert set(channel.asked[-1]["sensors"]) == {*SENSORS, "starts"}
    missing, channel = source(answer(), grows, grows)
    missing.begin()
    missing.sample(background())
    missing.sample(background())
    assert set(channel.asked[-1]["sensors"]) == set(SENSORS)  # it could not be started


def test_it_asks_less_often_where_answers_are_dear() -> None:
    probe, channel = source(*[answer() for _ in range(6)])
    probe.begin()
    assert probe.period_s() == PERIOD_S
    for answer_s, period_s in (
        (0.001, PERIOD_S),
        (0.005, 0.005 / BUDGET),
        (0.015, LONGER_PERIOD_S),
        (0.03, 0.03 / MOST),
        (0.1, LONGEST_PERIOD_S),
    ):
        channel.answer_s = answer_s - 0.01  # the question for the cost is counted, too
        probe.sample(background())
        assert probe.period_s() == pytest.approx(period_s)
