"""The screen under load: how soon a key shows, and what drawing costs, with many threads and many pictures a second.

`python -m benchmarks.screen [THREADS [PICTURES A SECOND [SECONDS]]]`
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import sys
import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import events

from kdiag.tui.app import KdiagApp
from kdiag.tui.run import calm_collector
from tests.support.feeds import ShownFeed, picture
from tests.support.windows import FUTURE_RESULT, FUTURES_TASK, app, idle_main, scene, stuck

if TYPE_CHECKING:
    from collections.abc import Callable

    from kdiag.engine.live import Picture
    from kdiag.tui.views.view import View

_SIZE = 120, 40


@dataclass(frozen=True)
class Shown:
    """What was measured.

    Attributes:
        keys: how many were pressed.
        median_s, p95_s, longest_s: from a key to the screen that it asks for.
        first_s: the longest of those that open a view for the first time; they are not in the numbers before.
        cpu_share: of one processor, with nobody at the keys; the making of the pictures is not in it.
        drawn_hz: frames a second.
        longest_draw_s: the longest that the screen's thread was at one frame.
    """

    keys: int
    median_s: float
    p95_s: float
    longest_s: float
    first_s: float
    cpu_share: float
    drawn_hz: float
    longest_draw_s: float


class Flood(ShownFeed):
    """A feed that shows pictures at a steady rate, each with another time."""

    def flood(self, first: Picture, rate_hz: float) -> Callable[[], None]:
        """Begin; gives what ends it."""
        ended = threading.Event()

        def run() -> None:
            for number in itertools.count():
                if ended.wait(1 / rate_hz):
                    return
                self.offer(replace(first, at=first.at + number / rate_hz))

        threading.Thread(target=run, daemon=True).start()
        return ended.set


def many_threads(count: int) -> Picture:
    """A picture of so many threads, a tenth of them in stacks of their own."""
    lives = [
        stuck(f"worker_{n}", *FUTURE_RESULT, app(30 + n % (count // 10 or 1), f"Reports.make_{n % 50}"), *FUTURES_TASK)
        for n in range(count)
    ]
    return picture(scene(idle_main(), *lives, seconds=4.0, hz=2.0), inside=True)


async def measure(threads: int, rate_hz: float, seconds: float) -> Shown:
    """Press keys for so many seconds, and then as long none."""
    calm_collector()  # as the command line does
    feed = Flood()
    shown = many_threads(threads)
    application = KdiagApp(feed)
    async with application.run_test(size=_SIZE):
        end = feed.flood(shown, rate_hz)
        await _until(lambda: application.main.frame is not None)
        took = []
        views = itertools.cycle(application.main.views[1:] + application.main.views[:1])
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            view = next(views)
            began = time.perf_counter()
            application.post_message(events.Key(view.key, view.key))  # as the terminal's driver does
            await _until(partial(_shows, application, view))
            painted = asyncio.Event()
            application.main.call_after_refresh(painted.set)
            await painted.wait()
            took.append(time.perf_counter() - began)
            await asyncio.sleep(0.1)
        tally = application.frames.tally
        drawn, cpu_s, began = tally.drawn, time.process_time(), time.perf_counter()
        await asyncio.sleep(seconds)
        elapsed = time.perf_counter() - began
        cpu_share, drawn_hz = (time.process_time() - cpu_s) / elapsed, (tally.drawn - drawn) / elapsed
        end()
    count = len(application.main.views)
    first, again = took[:count], took[count:]
    p95 = statistics.quantiles(again, n=20)[-1]
    return Shown(
        len(again), statistics.median(again), p95, max(again), max(first), cpu_share, drawn_hz, tally.longest_draw_s
    )


def _shows(application: KdiagApp, view: View[Any]) -> bool:
    return application.main.frame is not None and application.main.frame.view is view


async def _until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - it comes from another thread
        await asyncio.sleep(0.001)


def main(arguments: list[str]) -> None:
    """Measure and print."""
    threads, rate_hz, seconds = (*map(int, arguments), *(2000, 100, 10)[len(arguments) :])
    shown = asyncio.run(measure(threads, rate_hz, seconds))
    print(
        f"{threads} threads, {rate_hz} pictures/s: key to screen {shown.median_s * 1000:.0f} ms (median), "
        f"{shown.p95_s * 1000:.0f} ms (95 %), {shown.longest_s * 1000:.0f} ms (longest of {shown.keys}), "
        f"{shown.first_s * 1000:.0f} ms where a view was opened for the first time; "
        f"{shown.cpu_share:.1%} of a processor at {shown.drawn_hz:.1f} frames/s; "
        f"longest draw {shown.longest_draw_s * 1000:.0f} ms"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
