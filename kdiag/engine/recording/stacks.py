"""Numbers stacks as they are written: a service shows the same few hundred again and again.

Separate from the writer because it is all that a recording does to be small. Readers count along and need none of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from kdiag.core.model import Frame
from kdiag.engine.recording.format import STACKED, Known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kdiag.core.model import Sample

T = TypeVar("T")

_MOST = 50_000  # stacks remembered; others get a new number when they come again


@dataclass
class Stacks:
    """All stacks so far, and those that are new."""

    _numbers: dict[tuple[Frame, ...], int] = field(default_factory=dict)
    _frames: dict[Frame, int] = field(default_factory=dict)
    _seen: dict[int, tuple[tuple[Frame, ...], int]] = field(default_factory=dict)  # by identity: samples share stacks
    _count: int = 0
    _frame_count: int = 0
    _new_frames: list[Frame] = field(default_factory=list)
    _new_stacks: list[tuple[int, ...]] = field(default_factory=list)

    def taken_out(self, sample: Sample) -> tuple[Sample, tuple[int, ...]]:
        """The sample without its stacks, and their numbers."""
        numbers: list[int] = []

        def without(each: Any) -> Any:
            numbers.append(self._number(each.frames))
            return replace(each, frames=())

        return _mapped(sample, without), tuple(numbers)

    def news(self) -> Known | None:
        """What is new since the last time."""
        if not self._new_stacks:
            return None
        known = Known(tuple(self._new_frames), tuple(self._new_stacks))
        self._new_frames, self._new_stacks = [], []
        if len(self._numbers) > _MOST:
            self._numbers, self._frames, self._seen = {}, {}, {}
        return known

    def _number(self, frames: tuple[Frame, ...]) -> int:
        same, number = self._seen.get(id(frames), (None, 0))
        if same is frames:
            return number
        number = self._by_value(frames)
        if len(self._seen) > _MOST:
            self._seen.clear()
        self._seen[id(frames)] = frames, number  # it is kept alive, so nothing else gets its identity
        return number

    def _by_value(self, frames: tuple[Frame, ...]) -> int:
        if frames not in self._numbers:
            self._new_stacks.append(tuple(map(self._frame, frames)))
            self._numbers[frames] = self._count
            self._count += 1
        return self._numbers[frames]

    def _frame(self, frame: Frame) -> int:
        if frame not in self._frames:
            self._new_frames.append(frame)
            self._frames[frame] = self._frame_count
            self._frame_count += 1
        return self._frames[frame]


@dataclass
class KnownStacks:
    """The stacks that a reader has come by so far."""

    _frames: list[Frame] = field(default_factory=list)
    _stacks: list[tuple[Frame, ...]] = field(default_factory=list)

    def add(self, known: Known) -> None:
        """Learn what is new.

        Raises:
            LookupError: it speaks of frames that nobody told of.
        """
        self._frames += known.frames
        self._stacks += [tuple(_each(self._frames, numbers)) for numbers in known.stacks]

    def put_back(self, sample: Sample, numbers: tuple[int, ...]) -> Sample:
        """The sample with its stacks.

        Raises:
            LookupError: the numbers are not those of the sample's stacks.
        """
        if len(numbers) != sum(len(getattr(sample, name)) for name in STACKED.get(type(sample), ())):
            raise LookupError(numbers)
        stacks = _each(self._stacks, numbers)
        return _mapped(sample, lambda each: replace(each, frames=next(stacks)))


def _each(known: Sequence[T], numbers: tuple[int, ...]) -> Iterator[T]:
    if numbers and not 0 <= min(numbers) <= max(numbers) < len(known):
        raise LookupError(numbers)
    return map(known.__getitem__, numbers)


def _mapped(sample: Sample, change: Callable[[Any], Any]) -> Sample:
    """The sample with each of its things that have a stack changed, in the order in which they stand."""
    changed: dict[str, Any] = {
        name: tuple(map(change, getattr(sample, name))) for name in STACKED.get(type(sample), ())
    }
    return replace(sample, **changed) if changed else sample
