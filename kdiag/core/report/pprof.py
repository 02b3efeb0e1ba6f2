"""A profile as pprof reads it: a gzipped protocol buffer (github.com/google/pprof, proto/profile.proto).

The few kinds of fields that it takes are written here by hand: a dependency for two wire types would be larger.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from kdiag.core.report.layout import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kdiag.core.model import Frame, ProfiledStack
    from kdiag.core.profile import Profile

_VARINT, _BYTES = 0, 2  # wire types
_SECOND_NS = 1_000_000_000


def render(profile: Profile) -> bytes:
    """The profile: counts of stacks, their time where the rate is known, and the thread as a label."""
    writer = _Writer(int(_SECOND_NS / profile.rate_hz) if profile.rate_hz else 0)
    samples = [writer.sample(stack) for stack in profile.stacks]
    return gzip.compress(writer.profile(samples), mtime=0)


class _Writer:
    """The tables that samples point into: strings, functions, and locations, each numbered as it comes."""

    def __init__(self, period_ns: int) -> None:
        self._period_ns = period_ns
        self._strings: dict[str, int] = {"": 0}
        self._functions: dict[tuple[str, str], int] = {}
        self._locations: dict[tuple[str, str, int], int] = {}

    def sample(self, stack: ProfiledStack) -> bytes:
        """A stack, innermost frame first, as pprof has it, too."""
        values = [stack.count, *([stack.count * self._period_ns] if self._period_ns else [])]
        name = stack.thread or (str(stack.thread_id) if stack.thread_id else "")
        label = _field(1, self._string("thread")) + _field(2, self._string(name))
        return _packed(1, map(self._location, stack.frames)) + _packed(2, values) + (_part(3, label) if name else b"")

    def _string(self, text: str) -> int:
        return self._strings.setdefault(clean(text), len(self._strings))

    def _location(self, frame: Frame) -> int:
        self._functions.setdefault((frame.function, frame.file), 1 + len(self._functions))
        return self._locations.setdefault((frame.function, frame.file, frame.line), 1 + len(self._locations))

    def profile(self, samples: Iterable[bytes]) -> bytes:
        """The whole message; the strings come last, since all else names them."""
        kinds = [("samples", "count"), *([("time", "nanoseconds")] if self._period_ns else [])]
        types = [_field(1, self._string(name)) + _field(2, self._string(unit)) for name, unit in kinds]
        parts = [_part(1, each) for each in types] + [_part(2, sample) for sample in samples]
        for (function, file, line), number in self._locations.items():
            at = _field(1, self._functions[function, file]) + _field(2, line)
            parts.append(_part(4, _field(1, number) + _part(4, at)))
        for (function, file), number in self._functions.items():
            name = self._string(function)
            parts.append(
                _part(5, _field(1, number) + _field(2, name) + _field(3, name) + _field(4, self._string(file)))
            )
        if self._period_ns:
            parts += [_part(11, types[-1]), _field(12, self._period_ns)]
        return b"".join(parts + [_part(6, text.encode("utf-8")) for text in self._strings])


def _field(number: int, value: int) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(value)


def _part(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _packed(number: int, values: Iterable[int]) -> bytes:
    return _part(number, b"".join(map(_varint, values)))


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; numbers here are never negative."""
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)
