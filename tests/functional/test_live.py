"""A watch without an end of a real process: what can be changed meanwhile, and what it leaves behind."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import psutil
import pytest

from kdiag.engine.detach import detach
from kdiag.engine.diagnosis import live
from kdiag.engine.live import Live, Picture
from kdiag.errors import KdiagError
from tests.support.interpreters import of_minor
from tests.support.targets import start_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WITHIN_S = 40.0


@dataclass
class Watcher:
    """A feed in a thread of its own, and the pictures that it shows."""

    feed: Live
    pictures: list[Picture] = field(default_factory=list)

    def until(self, condition: Callable[[Picture], object]) -> Picture:
        until = time.monotonic() + WITHIN_S
        while not (self.pictures and condition(self.pictures[-1])):
            assert time.monotonic() < until, self.pictures[-1:]
            time.sleep(0.05)
        return self.pictures[-1]


@contextlib.contextmanager
def watching(pid: int) -> Iterator[Watcher]:
    watcher = Watcher(live(pid, window_s=30.0))
    thread = threading.Thread(target=watcher.feed.run, args=(watcher.pictures.append,), daemon=True)
    thread.start()
    try:
        yield watcher
    finally:
        watcher.feed.stop()
        thread.join(WITHIN_S)
        assert not thread.is_alive()


def test_everything_can_be_changed_while_it_is_watched() -> None:
    with start_target("metrics_registry", python=of_minor((3, 13))) as target, watching(target.pid) as watcher:
        feed = watcher.feed
        with pytest.raises(KdiagError, match="inside only"):
            feed.guard("__main__:REGISTRY")
        first = watcher.until(lambda picture: picture.window.stacks)
        assert not first.inside

        twice = [threading.Thread(target=feed.enter, daemon=True) for _ in range(2)]
        for each in twice:
            each.start()
        for each in twice:
            each.join(WITHIN_S)
        feed.want(frozenset({"tasks", "trace"}))
        inside = watcher.until(lambda picture: picture.inside and picture.window.probe and picture.tasks)
        assert len([deed for deed in inside.deeds if "a probe got in" in deed.text]) == 1
        with pytest.raises(KdiagError) as raised:
            feed.guard("__main__:NO_SUCH_THING")
        assert raised.value.reference == "no-such-name"

        feed.guard("metrics_registry:SERIES")
        watcher.until(lambda picture: picture.window.probe[-1].maps.watched)
        watcher.until(lambda picture: picture.deeds[-1].text == "watches metrics_registry:SERIES")

        feed.scan(on=True)
        scanned = watcher.until(lambda picture: picture.scanned)
        assert scanned.deeds[-1].text.startswith("has writes to")
        feed.scan(on=False)
        watcher.until(lambda picture: not picture.scanned)

        feed.look_back(10.0)
        feed.set_rate(2.0)
        watcher.until(lambda picture: (picture.window_s, picture.rate) == (10.0, 2.0))

        feed.pause(on=True)
        paused = watcher.until(lambda picture: picture.state == "paused")
        again = watcher.until(lambda picture: picture.at > paused.at + 1.0)
        assert len(again.signs) == len(paused.signs)
        feed.pause(on=False)
        last = watcher.until(
            lambda picture: picture.state == "watching" and picture.window.started_at > again.window.ended_at
        )
        before, after = first.report, last.report
        assert before.window is not None
        assert after.window is not None
        later = datetime.fromisoformat(after.observation.started_at) - datetime.fromisoformat(
            before.observation.started_at
        )
        later_s = after.window.started_at - before.window.started_at
        assert later.total_seconds() == pytest.approx(later_s, abs=0.01)

        list(detach(target.pid, children=False))
        lost = watcher.until(lambda picture: not picture.inside)
        assert lost.deeds[-1].text.startswith("the probe is gone")
        watcher.until(lambda picture: "exceptions_per_s" not in picture.signs[-1].values)
        feed.enter()
        watcher.until(lambda picture: picture.inside and "exceptions_per_s" in picture.signs[-1].values)
        watcher.until(lambda picture: "probe-gone" not in {limit.reference for limit in picture.window.limitations})


def test_the_end_of_the_target_is_told() -> None:
    with start_target("metrics_registry") as target, watching(target.pid) as watcher:
        watcher.until(lambda picture: picture.window.process)
        psutil.Process(target.pid).kill()
        last = watcher.until(lambda picture: picture.state == "ended")
        assert last.window.ended
