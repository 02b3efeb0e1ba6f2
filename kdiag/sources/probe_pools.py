"""The pools that a probe tells of, checked.

Separate from the other samples because what is in it comes from the adapters, of others, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from kdiag.attach.contributed import adapters
from kdiag.core.model import Frame, Leak, Limitation, ProbedPool

if TYPE_CHECKING:
    from collections.abc import Iterable

_Count = Annotated[int, msgspec.Meta(ge=0)]
_Seconds = Annotated[float, msgspec.Meta(ge=0)]
_Place = tuple[str, _Count, str]


class _Kept(msgspec.Struct, frozen=True):
    by: tuple[tuple[_Count, str, _Place | None], ...]
    complete: bool


class Pool(msgspec.Struct, frozen=True):
    """One pool, as the sensor tells it."""

    id: _Count
    kind: str
    lends: str
    name: str
    size: _Count | None
    taken: _Count | None
    queued: _Count | None
    first: _Count
    waited_s: _Seconds | None
    done: _Count
    counted: bool
    workers: tuple[_Count, ...]
    idle: tuple[_Count, ...]
    nested: tuple[_Count, ...]
    waiting: tuple[_Count, ...]
    holding: tuple[_Count, ...]
    out: tuple[_Count, ...]
    tasks: tuple[tuple[str, _Count, tuple[_Place, ...]], ...]
    runs: tuple[_Place, ...]
    kept: _Kept | None


def probed_pools(told: Iterable[Pool]) -> tuple[ProbedPool, ...]:
    """What they are in the model."""
    return tuple(_pool(each) for each in told)


def problems(brought: Iterable[str], failed: Iterable[tuple[str, str]]) -> tuple[Limitation, ...]:
    """What is not seen for want of an adapter: one that failed there, was not brought along, or has no source here."""
    found = [
        Limitation(
            "pool-adapter-failed", f"The adapter {name.removeprefix('contributed.')} for pools failed: {how}.",
            "its pools are not seen; all others are",
        )
        for name, how in failed
    ]  # fmt: skip
    known, here = adapters(), set(brought)
    missing = [each.name for each in known if each.source is not None and each.name not in here]
    unread = [each.name for each in known if each.source is None]
    if missing:
        words = f"The probe in the process came without these adapters for pools: {', '.join(missing)}."
        hint = "a probe that is loaded with the service has our own only; any other: kdiag detach PID, and again"
        found.append(Limitation("pool-adapter-missing", words, hint))
    if unread:
        words = f"These adapters for pools have no source that could be read: {', '.join(unread)}."
        found.append(Limitation("pool-adapter-unreadable", words, "install their package as plain files"))
    return tuple(found)


def _pool(told: Pool) -> ProbedPool:
    leaks = None
    if told.kept is not None:
        leaks = tuple(Leak(count, name, Frame(*at) if at else None) for count, name, at in told.kept.by)
    return ProbedPool(
        told.kind, told.name, told.size, told.queued, told.workers, told.idle, told.nested, told.id, told.lends,
        told.taken, told.first, told.waited_s, told.done, told.counted, told.waiting, told.holding, told.out,
        tuple(Frame(*place) for place in told.runs), leaks,
        tuple((role, count, tuple(Frame(*place) for place in places)) for role, count, places in told.tasks),
        searched=told.kept is not None and told.kept.complete,
    )  # fmt: skip
