"""A recording played again: every moment is judged as if it were now, and its end is not the end of the screen."""

from __future__ import annotations

import queue
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kdiag.engine.replay import Replay, replay
from kdiag.errors import KdiagError
from kdiag.machinery.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from kdiag.engine.live import Picture

RECORDINGS = Path(__file__).parents[2] / "recordings"


class Player:
    """A replay in a thread of its own, with its time in our hands."""

    def __init__(self, name: str) -> None:
        self.clock = FakeClock()
        self.feed: Replay = replay(RECORDINGS / f"{name}.kdiag", window_s=30.0)
        self.feed.clock = self.clock
        self.pictures: queue.Queue[Picture] = queue.Queue()
        self.thread = threading.Thread(target=self.feed.run, args=(self.pictures.put,), daemon=True)
        self.thread.start()
        self.shown()

    def shown(self) -> Picture:
        """The next picture."""
        return self.pictures.get(timeout=60)

    def step(self, seconds: float) -> Picture:
        """Let time pass, and give what is shown then."""
        self.clock.block_until(1)
        self.clock.step(seconds)
        return self.shown()

    def wish(self, wish: Callable[[Replay], None]) -> Picture:
        """Ask something of it, and give what is shown at once."""
        self.clock.block_until(1)
        wish(self.feed)
        return self.shown()

    def end(self) -> None:
        self.feed.stop()
        self.thread.join(60)
        assert not self.thread.is_alive()


def test_it_plays_from_its_start_to_its_end_and_says_then_what_a_diagnosis_would() -> None:
    player = Player("deadlock")
    first = player.step(1.0)
    assert (first.at, first.state) == (1.0, "watching")
    assert first.report.verdict != "deadlock"  # three seconds are needed to tell
    assert len(first.signs) == 2

    last = player.step(3600.0)
    assert (last.at, last.state) == (player.feed.recording.duration_s, "paused")
    assert last.report.verdict == "deadlock"
    player.end()


def test_it_is_paused_sought_and_played_at_another_speed() -> None:
    player = Player("pool-exhaustion")
    player.step(1.0)
    player.wish(lambda feed: feed.pause(on=True))
    assert player.step(5.0).at == 1.0

    player.wish(lambda feed: feed.seek(3.0))
    assert player.step(1.0).at == 3.0

    player.wish(lambda feed: feed.set_rate(2.0))
    player.wish(lambda feed: feed.pause(on=False))
    assert player.step(1.0).at == 5.0
    player.end()


def test_what_came_to_its_end_begins_again() -> None:
    player = Player("healthy")
    player.step(3600.0)
    player.wish(lambda feed: feed.pause(on=False))
    again = player.step(0.5)
    assert again.state == "watching"
    assert again.at <= 1.0
    player.end()


def test_a_shorter_time_can_be_judged() -> None:
    player = Player("gc-pressure")
    player.step(3600.0)
    player.wish(lambda feed: feed.look_back(2.0))
    short = player.step(0.5)
    assert short.window.duration_s <= 2.0
    assert short.report.observation.samples.process == len(short.window.process)
    player.end()


@pytest.mark.parametrize("wish", [lambda feed: feed.enter(), lambda feed: feed.guard("m:X")])
def test_nothing_is_brought_into_a_recording(wish: object) -> None:
    feed = replay(RECORDINGS / "healthy.kdiag", window_s=30.0)
    with pytest.raises(KdiagError) as raised:
        wish(feed)  # type: ignore[operator]
    assert raised.value.reference == "recording"
