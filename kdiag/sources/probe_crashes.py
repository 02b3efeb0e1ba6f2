"""What the probe's crash hooks tell, as samples: checked here, and counted from this session's beginning.

It is separate from the other sensors because only what changed is told again, so what was told before must be kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from kdiag.core.model import ClassPlace, CrashAccount, CrashFrame, CrashGroup, CrashKind, NilUse, NilUsed, Span

_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
_Count = Annotated[int, msgspec.Meta(ge=0)]


class ToldFrame(msgspec.Struct, frozen=True):
    """One frame, in the sensor's answers and in the records of crashes alike."""

    file: str
    line: _Count
    function: str
    first: _Count
    span: tuple[_Count, _Count, _Count, _Count] | None
    none: tuple[str, ...] = ()


class ToldUsed(msgspec.Struct, frozen=True):
    """What was None, in both as well."""

    chain: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    how: NilUse
    attribute: str
    stored_at: _Count
    argument: bool
    owner: tuple[str, str, _Count] | None


class _Group(msgspec.Struct, frozen=True):
    number: _Count
    sequence: _Count
    type: str
    message: str
    kind: CrashKind
    count: _Count
    ended: _Count
    first_at: _Seconds  # the target's perf_counter is our monotonic clock: the system's own
    last_at: _Seconds
    by: dict[str, _Count]
    loggers: tuple[str, ...]
    threads: tuple[str, ...]
    frames: Annotated[tuple[ToldFrame, ...], msgspec.Meta(max_length=64)]
    used: ToldUsed | None


class Crashes(msgspec.Struct, frozen=True):
    """The sensor's answer."""

    hooks: tuple[str, ...]
    raises: bool
    groups: tuple[_Group, ...]
    sequence: _Count
    dropped: _Count


@dataclass
class CrashCounts:
    """What is known of each fingerprint; one for each session, used by the one thread that asks the probe."""

    _known: dict[int, _Group] = field(default_factory=dict, init=False)
    _dropped: int = field(default=0, init=False)

    def account(self, told: Crashes) -> CrashAccount:
        """What happened since the answer before; the first one is the session's beginning."""
        groups = tuple(self._since(group) for group in told.groups)
        self._known.update((group.number, group) for group in told.groups)
        dropped, self._dropped = max(0, told.dropped - self._dropped), told.dropped
        news = tuple(group for group in groups if group.count or group.ended or group.by)
        return CrashAccount(told.hooks, told.raises, news, dropped)

    def _since(self, group: _Group) -> CrashGroup:
        before = self._known.get(group.number)
        earlier = before.by if before else {}
        more = {hook: group.by.get(hook, 0) - earlier.get(hook, 0) for hook in {**earlier, **group.by}}
        return CrashGroup(
            number=group.number,
            type=group.type,
            message=group.message,
            kind=group.kind,
            count=max(0, group.count - (before.count if before else 0)),
            ended=max(0, group.ended - (before.ended if before else 0)),
            first_at=group.first_at,
            last_at=group.last_at,
            by={hook: count for hook, count in more.items() if count},
            loggers=group.loggers,
            threads=group.threads,
            frames=tuple(map(crash_frame, group.frames)),
            used=nil_used(group.used),
        )


def crash_frame(frame: ToldFrame) -> CrashFrame:
    """A frame as it was told, as a frame of the model."""
    span: Span | None = frame.span
    return CrashFrame(frame.file, frame.line, frame.function, frame.first, span, frame.none)


def nil_used(used: ToldUsed | None) -> NilUsed | None:
    """What was None as it was told, as the model has it."""
    if used is None:
        return None
    owner = ClassPlace(*used.owner) if used.owner else None
    return NilUsed(used.chain, used.how, used.attribute, used.stored_at, used.argument, owner)
