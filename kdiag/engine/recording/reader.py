"""Reads a recording: what was seen, as windows of any length at any moment.

Everything that comes from a file is checked against the types of the model. What a crash has cut off is missing, and
said; what stands before is as good as ever.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from kdiag.core.detectors import detect_all
from kdiag.core.model import (
    CollectorSample,
    Cost,
    HeapSample,
    Limitation,
    LineFacts,
    Observation,
    ProbeSample,
    ProcessSample,
    ProfileSample,
    Report,
    Sample,
    StackSample,
    Window,
)
from kdiag.engine.recording.format import FAMILY, SCHEMA, AnyEntry, End, Header, Known, Source, decode
from kdiag.engine.recording.stacks import KnownStacks
from kdiag.engine.reporting import counted, make_report, observed, wall_time
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK_BYTES = 1 << 20
_GZIP = 31  # what zlib calls a gzip stream
_MAKE_ONE = "kdiag diagnose PID --record FILE  makes one"
_KINDS = ("process", "collector", "heap", "stacks", "profile", "probe")
_CUT_OFF = Limitation(
    "recording-cut-off",
    "The recording has no end: kdiag was killed, its disk was full, or the file is damaged. It is read until there.",
)  # fmt: skip


@dataclass(frozen=True)
class Recording:
    """What was recorded of one process.

    Attributes:
        whole: all that was seen; its times are of the clock of the samples, as `header.at` is.
        observation: how it was looked at; of a recording without an end as far as can be told.
    """

    header: Header
    whole: Window
    observation: Observation

    @property
    def duration_s(self) -> float:
        """Seconds from its start to its end."""
        return self.whole.duration_s

    def window(self, at: float | None = None, window_s: float | None = None) -> Window:
        """What was seen until a moment (None: the end), in the `window_s` seconds before it (None: from the start)."""
        end = self.whole.ended_at if at is None else at
        return self.whole.between(self.whole.started_at if window_s is None else end - window_s, end)

    def report(self, window: Window) -> Report:
        """What is concluded of it or of a part of it; when a look failed, only the whole can tell."""
        missed = 0 if window.duration_s < self.duration_s else self.observation.samples.missed
        observation = replace(
            self.observation, started_at=self._moment(window.started_at),
            duration_s=round(window.duration_s, 2), samples=counted(window, missed),
        )  # fmt: skip
        return make_report(window, detect_all(window), observation)

    def _moment(self, at: float) -> str:
        """A time of the samples' clock by the wall clock."""
        began = self.observation.started_at
        try:
            return wall_time(datetime.fromisoformat(began) + timedelta(seconds=at - self.whole.started_at))
        except (ValueError, OverflowError):  # no kdiag has written that
            return began


class _Schema(msgspec.Struct):
    schema: str


class _DamagedError(Exception):
    """What comes next cannot be read."""


@dataclass
class _Content:
    """What the entries so far hold."""

    samples: dict[type[Sample], list[Sample]] = field(default_factory=dict)
    lines: dict[tuple[str, int], LineFacts] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    end: End | None = None
    _stacks: KnownStacks = field(default_factory=KnownStacks)

    def add(self, entry: AnyEntry) -> None:
        match entry:
            case Header():
                raise _DamagedError
            case Known():
                self._stacks.add(entry)
            case Source():
                self.lines.update(((file, line), facts) for file, line, facts in entry.lines)
                self.files.update(entry.files)
            case End():
                self.end = entry
            case _:
                sample = self._stacks.put_back(entry.sample, entry.stacks)
                self.samples.setdefault(type(sample), []).append(sample)

    def of(self, kind: type[Any]) -> tuple[Any, ...]:
        return tuple(sorted(self.samples.get(kind, ()), key=attrgetter("at")))


def read_recording(file: Path) -> Recording:
    """Read a recording.

    Raises:
        KdiagError: `unreadable-file`, `bad-recording`, `newer-recording`.
    """
    lines = _lines(file)
    try:
        header = _header(next(lines, b""), file)
    except _DamagedError:
        raise _bad(file, "It is no gzip stream, as recordings are.") from None
    content = _Content()
    try:
        for line in lines:
            content.add(decode(line))
    except (_DamagedError, msgspec.DecodeError, LookupError):
        content.end = None  # nor is it one when its checksum, behind the end, is wrong
    return _recording(header, content)


def _header(line: bytes, file: Path) -> Header:
    try:
        schema = msgspec.json.decode(line, type=_Schema).schema
        if schema.partition("/")[0] == FAMILY and schema != SCHEMA:
            raise KdiagError(
                "newer-recording", f"{file} is a recording of another version, {schema}; this kdiag reads {SCHEMA}.",
                hint="Read it with the kdiag that wrote it, or a newer one: pip install --upgrade kdiag",
            )  # fmt: skip
        header = decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _bad(file, f"Its first line is not a recording's header: {error}.") from error
    if not isinstance(header, Header):
        raise _bad(file, "It does not begin with a header.")
    return header


def _bad(file: Path, cause: str) -> KdiagError:
    return KdiagError("bad-recording", f"{file} is no recording of kdiag.", cause=cause, hint=_MAKE_ONE)


def _lines(file: Path) -> Iterator[bytes]:
    """The whole lines of a gzip stream, as far as it goes."""
    unpack, rest = zlib.decompressobj(_GZIP), b""
    try:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                *lines, rest = (rest + unpack.decompress(chunk)).split(b"\n")
                yield from lines
    except OSError as error:
        raise KdiagError(
            "unreadable-file", f"Cannot read {file}: {error.strerror or error}.", hint=_MAKE_ONE
        ) from error
    except zlib.error as error:
        raise _DamagedError from error


def _recording(header: Header, content: _Content) -> Recording:
    end = content.end
    last = max((sample.at for samples in content.samples.values() for sample in samples), default=header.at)
    window = Window(
        header.target, header.at, end.at if end else last, content.of(StackSample), content.of(ProcessSample),
        content.of(CollectorSample), content.of(ProfileSample), content.of(ProbeSample), content.lines,
        end.observation.limitations if end else (*header.limitations, _CUT_OFF), end.ended if end else False,
        content.files, content.of(HeapSample),
    )  # fmt: skip
    if end is None:
        sources = [kind for kind in _KINDS if getattr(window, kind)]
        how = observed(window, sources, Cost(), header.started_at, readable=header.readable, method=header.method)
        return Recording(header, window, how)
    # Who watches without an end forgets what is old: only the recording has all of it.
    samples = counted(window, end.observation.samples.missed)
    return Recording(header, window, replace(end.observation, samples=samples))
