"""What the probe tells of the collector, as the account of the time between two answers.

Separate from the probe's other sensors because `kdiag gc` reads this one alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from kdiag.core.model import Allocator, Collection, CollectorAccount, Frame
from kdiag.sources.told import decoded

if TYPE_CHECKING:
    from kdiag.attach.channel import Channel

_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
_Count = Annotated[int, msgspec.Meta(ge=0)]
_Place = tuple[str, _Count, str]
_TOLD = "the probe told of the collector"


class _Allocator(msgspec.Struct, frozen=True):
    thread: str
    ident: _Count
    frames: tuple[_Place, ...]
    collections: _Count
    seconds: _Seconds
    asked: _Count


class _Pause(msgspec.Struct, frozen=True):
    sequence: _Count
    seconds: _Seconds


class Collector(msgspec.Struct, frozen=True):
    """The sensor's answer: totals since it was started."""

    at: _Seconds
    seconds: tuple[_Seconds, _Seconds, _Seconds]
    seen: tuple[_Count, _Count, _Count]
    collections: tuple[_Count, ...]
    collected: tuple[int, ...]
    uncollectable: tuple[int, ...]
    asked: _Count
    young: tuple[_Count, _Count]
    histogram: tuple[tuple[_Count, _Count], ...]
    thresholds: tuple[int, ...]
    enabled: bool
    frozen: _Count
    places: tuple[_Allocator, ...]
    pauses: tuple[_Pause, ...]
    sequence: _Count


class _Traced(msgspec.Struct, frozen=True):
    number: _Count
    at: _Seconds
    seconds: _Seconds
    generation: _Count
    collected: int
    uncollectable: int
    asked: bool
    thread: str
    frames: tuple[_Place, ...]


class _Trace(msgspec.Struct, frozen=True):
    number: _Count
    collections: tuple[_Traced, ...]


def read_collector(channel: Channel, since: int) -> Collector:
    """The sensor's answer, with the long collections after a number, without a session.

    Raises:
        KdiagError: the probe is gone, does not answer, or answers what is nothing that we know.
    """
    return decoded(channel.request("read", sensors={"gc": since}).get("gc"), Collector, _TOLD)


def read_trace(channel: Channel, since: int) -> tuple[int, tuple[Collection, ...]]:
    """The number of the last collection, and those after a number, as far as they were kept.

    Raises:
        KdiagError: as `read_collector`.
    """
    trace = decoded(channel.request("collections", since=since), _Trace, _TOLD)
    return trace.number, tuple(
        Collection(
            each.at, each.seconds, each.generation, each.collected, each.uncollectable, each.thread,
            tuple(Frame(*place) for place in each.frames), each.asked,
        )
        for each in trace.collections
    )  # fmt: skip


def account(before: Collector, now: Collector, longest_s: float | None = None) -> CollectorAccount:
    """What happened between two answers; `longest_s` where it is known from those in between."""
    known = {(each.ident, each.frames): each for each in before.places}
    allocators = []
    for each in now.places:
        earlier = known.get((each.ident, each.frames))
        new = each.collections - (earlier.collections if earlier else 0)
        if new > 0:
            allocators.append(
                Allocator(
                    tuple(Frame(*place) for place in each.frames), each.ident, each.thread, new,
                    each.seconds - (earlier.seconds if earlier else 0.0),
                    each.asked - (earlier.asked if earlier else 0),
                )
            )  # fmt: skip
    return CollectorAccount(
        span_s=now.at - before.at,
        seconds=tuple(max(0.0, after - first) for after, first in zip(now.seconds, before.seconds, strict=True)),
        collections=_minus(now.collections, before.collections),
        collected=_minus(now.collected, before.collected),
        uncollectable=_minus(now.uncollectable, before.uncollectable),
        longest_s=_longest(before, now) if longest_s is None else longest_s,
        asked=max(0, now.asked - before.asked),
        timed=sum(_minus(now.seen, before.seen)),
        thresholds=now.thresholds,
        enabled=now.enabled,
        frozen=now.frozen,
        allocators=tuple(allocators),
        young=_pair(now.young, before.young),
        pauses=_pauses(before, now),
    )


def _pauses(before: Collector, now: Collector) -> tuple[tuple[int, int], ...]:
    earlier = dict(before.histogram)
    return tuple((n, count - earlier.get(n, 0)) for n, count in now.histogram if count > earlier.get(n, 0))


def _longest(before: Collector, now: Collector) -> float:
    """The longest collection between two answers: among the long ones exactly, else by the histogram's last step."""
    long = [pause.seconds for pause in now.pauses if pause.sequence > before.sequence]
    if long:
        return max(long)
    earlier = dict(before.histogram)
    steps = [step for step, count in now.histogram if count > earlier.get(step, 0)]
    return float(2 ** (max(steps) - 1)) / 1e9 if steps and 0 < max(steps) < 64 else 0.0


def _pair(now: tuple[int, int], before: tuple[int, int]) -> tuple[int, int]:
    return max(0, now[0] - before[0]), max(0, now[1] - before[1])


def _minus(now: tuple[int, ...], before: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(0, after - first) for after, first in zip(now, before, strict=False))
