"""The lines of a recording, `kdiag.recording/v1`: what each of them holds.

A recording is a gzip stream of JSON lines, each an entry with its `kind`: `zcat FILE | jq` shows all that is in it. The
first is the header, the last the end; one that was broken off has no end. The model's own names are the keys, so a
field that is added to the model needs a default to read what was recorded before; any other change is a new version.

Separate from writing and reading, which both go by it.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from kdiag.core.model import (
    CollectorSample,
    Frame,
    HeapSample,
    Limitation,
    LineFacts,
    Observation,
    ProbeSample,
    ProcessSample,
    ProfileSample,
    Sample,
    StackSample,
    Target,
)

SCHEMA = "kdiag.recording/v1"
FAMILY = SCHEMA.partition("/")[0]

# Where a sample has things with stacks in such numbers that each stack is written once only, by its number.
STACKED: dict[type[Sample], tuple[str, ...]] = {
    StackSample: ("threads",), ProbeSample: ("threads", "tasks_seen"), ProfileSample: ("stacks",),
}  # fmt: skip


class Entry(msgspec.Struct, tag_field="kind", tag=str.lower):
    """One line."""


class Header(Entry):
    """Whose recording it is.

    Attributes:
        started_at, at: when it began, by the wall clock (ISO 8601) and by the clock of the samples (seconds).
        readable: whether stacks could be read from outside.
        method: how the probe got in, if it did.
        limitations: those that were known from the start.
    """

    schema: str
    kdiag_version: str
    target: Target
    started_at: str
    at: float
    readable: bool
    method: Literal["preloaded", "pep768", "ptrace", "none"]
    limitations: tuple[Limitation, ...]


class Known(Entry):
    """Frames and stacks that are new; both are numbered from 0 in the order in which they come."""

    frames: tuple[Frame, ...]
    stacks: tuple[tuple[int, ...], ...]


class Source(Entry):
    """What the source says: of lines, and whole files. Redacted."""

    lines: tuple[tuple[str, int, LineFacts], ...] = ()
    files: dict[str, str] = {}


class Seen(Entry, kw_only=True, omit_defaults=True):
    """A sample; the stacks that `STACKED` names are left out of it and stand by their numbers, in the same order."""

    stacks: tuple[int, ...] = ()


class Stack(Seen):
    """All threads."""

    sample: StackSample


class Process(Seen):
    """The operating system's accounts."""

    sample: ProcessSample


class Collector(Seen):
    """Reads of the collector's state."""

    sample: CollectorSample


class Profile(Seen):
    """The GIL's holders."""

    sample: ProfileSample


class Probe(Seen):
    """What the probe told."""

    sample: ProbeSample


class Heap(Seen):
    """Objects by type."""

    sample: HeapSample


class End(Entry):
    """How the observation ended.

    Attributes:
        at: when, by the clock of the samples.
        ended: the target ended.
        observation: what its report says of it.
    """

    at: float
    ended: bool
    observation: Observation


ENTRY_OF: dict[type[Sample], Any] = {
    StackSample: Stack, ProcessSample: Process, CollectorSample: Collector, ProfileSample: Profile, ProbeSample: Probe,
    HeapSample: Heap,
}  # fmt: skip
AnyEntry = Header | Known | Source | Stack | Process | Collector | Profile | Probe | Heap | End

_encoder = msgspec.json.Encoder(enc_hook=dict)  # a mapping that is none of Python's own
_decoder: msgspec.json.Decoder[AnyEntry] = msgspec.json.Decoder(AnyEntry)


def encode(entry: Entry) -> bytes:
    """One line of an entry."""
    try:
        return _encoder.encode(entry) + b"\n"
    except UnicodeEncodeError:  # a name of the target's that is not UTF-8
        return _encoder.encode(_printable(msgspec.to_builtins(entry, enc_hook=dict))) + b"\n"


def decode(line: bytes) -> AnyEntry:
    """The entry of one line.

    Raises:
        msgspec.DecodeError: it is none.
    """
    try:
        return _decoder.decode(line)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from error


def _printable(tree: Any) -> Any:
    match tree:
        case str():
            return tree.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_printable(key): _printable(value) for key, value in tree.items()}
        case list() | tuple():
            return [_printable(each) for each in tree]
        case _:
            return tree
