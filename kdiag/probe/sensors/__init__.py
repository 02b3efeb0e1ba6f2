"""The sensors: each looks at one thing inside the target, while the probe is there.

- Nothing is changed for the target: `stop` restores what `start` touched exactly, whoever else touched it meanwhile.
- No code of the target's is ever run: no `repr`, no property, no `==` of its objects.
- Bounded: every buffer has a limit and counts what it dropped.
- No values of the target's leave it: files, lines, names of functions, threads and locks do.

One file a sensor; a sensor is loaded when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Our own threads, which no sensor reports.
OWN_THREADS = frozenset({"kdiag-probe", "kdiag-sensors"})


class Sensor(Protocol):
    """What each sensor offers to the probe, which calls all of it from threads of its own.

    One whose looks are to come at another pace than ten times a second has `period_s`; one that runs in threads of the
    target, too, has `hook_s`, the seconds that it used up there.
    """

    name: str

    @property
    def dropped(self) -> int:
        """How many things it could not keep since it started."""

    @property
    def buffered(self) -> int:
        """How many things it holds in memory now."""

    def start(self) -> None:
        """Begin to look."""

    def stop(self) -> None:
        """Stop looking and leave nothing behind; takes no lock, for a fork may have left it locked in the child."""

    def tick(self) -> None:
        """Take a look; called now and then by one thread of the probe, seldomer where that costs too much."""

    def data(self, since: int) -> dict[str, Any]:
        """What was seen, fit for JSON; of what comes in a row, only what has a sequence number above `since`."""


def _gc() -> Sensor:
    from .gc import CollectorSensor  # noqa: PLC0415 - loaded when asked for

    return CollectorSensor()


def _threads() -> Sensor:
    from .threads import ThreadsSensor  # noqa: PLC0415

    return ThreadsSensor()


def _loops() -> Sensor:
    from .loops import LoopsSensor  # noqa: PLC0415

    return LoopsSensor()


def _memory() -> Sensor:
    from .memory import MemorySensor  # noqa: PLC0415

    return MemorySensor()


def _crashes() -> Sensor:
    from .crashes import CrashesSensor  # noqa: PLC0415

    return CrashesSensor()


def _maps() -> Sensor:
    from .maps import MapsSensor  # noqa: PLC0415

    return MapsSensor()


def _keepers() -> Sensor:
    from .keepers import KeepersSensor  # noqa: PLC0415

    return KeepersSensor()


def _allocations() -> Sensor:
    from .allocations import AllocationsSensor  # noqa: PLC0415

    return AllocationsSensor()


def _starts() -> Sensor:
    from .starts import StartsSensor  # noqa: PLC0415

    return StartsSensor()


SENSORS: Mapping[str, Callable[[], Sensor]] = {
    "gc": _gc,
    "threads": _threads,
    "loops": _loops,
    "memory": _memory,
    "crashes": _crashes,
    "maps": _maps,
    "keepers": _keepers,
    "allocations": _allocations,
    "starts": _starts,
}
