"""The sensors that run, and the one loop that lets them look.

It is separate from `lifecycle`, which says when they start and stop: here is how often they may look. The more the
looks cost, the longer the pauses between them: together they stay below `BUDGET` of one processor.

Besides what every sensor has, one may have `period_s`, the time between its looks, and `hook_s`, the seconds that hooks
of its have used up in threads of the service.
"""

from __future__ import annotations

import threading
import time

from .worker import Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from .cost import Cost
    from .crashes import Crashes
    from .fork import AtWork
    from .sensors import Sensor

THREAD_NAME = "kdiag-sensors"
BUDGET = 0.007  # of one processor; what is promised is 0.01, and answers cost, too
PERIOD_S = 0.1  # of a sensor that names none
JITTER = 0.5
SMOOTHING = 0.1  # the weight of the newest number in a mean
OUTLIER = 4.0  # times the mean; a collection that falls due in a look is no habit of it
LONGEST_END_S = 2.0  # how long the loop's thread may take to end


def all_sensors() -> Mapping[str, Callable[[], Sensor]]:
    """The sensors that there are; they are loaded with the first that is asked for."""
    from .sensors import SENSORS  # noqa: PLC0415

    return SENSORS


class Smoothed:
    """The mean of the latest of many numbers."""

    mean = 0.0

    def note(self, value: float) -> None:
        """Take in one more."""
        self.mean += SMOOTHING * (min(value, OUTLIER * self.mean) - self.mean) if self.mean else value


class Running:
    """A sensor that has been started, and what its looks cost."""

    def __init__(self, sensor: Sensor, due_at: float) -> None:
        self.sensor = sensor
        self.due_at = due_at
        self.tick = Smoothed()

    @property
    def period_s(self) -> float:
        """Seconds that the sensor wants between two looks, now."""
        return float(getattr(self.sensor, "period_s", PERIOD_S))


class Sensing:
    """All sensors of a probe. Started and stopped by the server's thread, ticked by the loop's."""

    def __init__(
        self,
        cost: Cost,
        crashes: Crashes,
        at_work: AtWork,
        sensors: Callable[[], Mapping[str, Callable[[], Sensor]]] = all_sensors,
        now: Callable[[], float] = time.monotonic,
        thread_time: Callable[[], float] = time.thread_time,
    ) -> None:
        self._cost = cost
        self._crashes = crashes
        self._at_work = at_work  # of the loop's thread
        self._sensors = sensors
        self._now = now
        self._thread_time = thread_time
        self._running: dict[str, Running] = {}  # replaced, never changed: the loop's thread reads it meanwhile
        self._stop = threading.Event()
        self._worker = Worker(THREAD_NAME, self._run, crashes, at_work)
        self.looping = False
        # What the thread uses up between two looks, and when it last looked. Only the loop's thread uses them.
        self._turn = Smoothed()
        self._looked_at: float | None = None

    @property
    def known(self) -> list[str]:
        """The names of all sensors that there are."""
        return list(self._sensors())

    @property
    def names(self) -> list[str]:
        """The names of those that run."""
        return list(self._running)

    @property
    def running(self) -> bool:
        """Whether any runs."""
        return bool(self._running)

    @property
    def native_id(self) -> int | None:
        """The loop's thread; None when there was none yet."""
        return self._worker.native_id

    @property
    def stretch(self) -> float:
        """How many times longer than asked for the pauses are."""
        load = sum((each.tick.mean + self._turn.mean) / each.period_s for each in self._running.values())
        return max(1.0, load / BUDGET)

    @property
    def hook_s(self) -> float:
        """Seconds that the sensors' hooks have used up in threads of the service."""
        return sum(float(getattr(each.sensor, "hook_s", 0.0)) for each in self._running.values())

    @property
    def dropped(self) -> dict[str, int]:
        """How many entries each sensor's buffers have lost."""
        return {name: each.sensor.dropped for name, each in self._running.items()}

    @property
    def buffered(self) -> dict[str, int]:
        """How many entries each sensor's buffers hold."""
        return {name: each.sensor.buffered for name, each in self._running.items()}

    def start(self, names: list[str]) -> None:
        """Start sensors; those that run go on. One that cannot start is not among `names` afterwards."""
        for name in names:
            if name not in self._running:
                with self._crashes:
                    sensor = self._sensors()[name]()
                    sensor.start()
                    self._running = {**self._running, name: Running(sensor, self._now())}
        self.go_on()

    def stop(self) -> None:
        """End the loop and stop all sensors."""
        self.pause(LONGEST_END_S)
        self.abandon()

    def pause(self, within_s: float) -> bool:
        """End the loop's thread and leave the sensors as they are; tell whether it has ended in time."""
        self._stop.set()
        if self.looping and not self._worker.wait_for_end(within_s):
            return False
        self.looping = False
        return True

    def go_on(self) -> None:
        """Let the loop run, if there is anything to look at and it does not run already."""
        if self._running and not self.looping:
            from ..machinery.wait import loops  # noqa: F401, PLC0415 - long, so not in the thread that forks wait for

            self._stop.clear()
            self._looked_at = None  # the time of another thread
            self._worker.start()
            self.looping = True

    def abandon(self) -> None:
        """Stop all sensors as if there had never been a loop: in a forked child there is none."""
        running, self._running = self._running, {}
        for each in running.values():
            with self._crashes:
                each.sensor.stop()

    def sensor(self, name: str) -> Sensor | None:
        """A sensor that runs, for what only it can be asked for; None where it does not."""
        running = self._running.get(name)
        return running.sensor if running is not None else None

    def data(self, name: str, since: int) -> dict[str, Any]:
        """Return what a sensor has seen."""
        return self._running[name].sensor.data(since)

    def tick(self) -> None:
        """Let those sensors look that are due."""
        from ..machinery.wait.jitter import jitter  # noqa: PLC0415 - not before the first sensor

        if self._looked_at is not None:
            self._turn.note(self._thread_time() - self._looked_at)
        stretch = self.stretch
        for each in self._running.values():
            if each.due_at <= self._now():
                before = self._thread_time()
                with self._crashes:
                    each.sensor.tick()
                seconds = self._thread_time() - before
                each.tick.note(seconds)
                self._cost.note_pause(seconds)
                each.due_at = self._now() + jitter(each.period_s * stretch, JITTER)
        self._cost.note_thread(THREAD_NAME)
        self._looked_at = self._thread_time()

    def rest_s(self) -> float:
        """Seconds until the next look is due."""
        due_at = min((each.due_at for each in self._running.values()), default=self._now() + PERIOD_S)
        return max(0.001, due_at - self._now())

    def _run(self) -> None:
        from ..machinery.wait.loops import jitter_until  # noqa: PLC0415

        jitter_until(self._look, self.rest_s, stop=self._stop)

    def _look(self) -> None:
        with self._crashes, self._at_work:  # none may reach the loop, which would log it
            self.tick()
