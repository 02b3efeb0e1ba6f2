"""Reads what ended processes have left: records of exceptions, and what faulthandler wrote at fatal signals.

It is separate from the other sources because there is no process to ask: only files, which may be anybody's and are
checked like anything else that comes from outside. `kdiag.probe.state` and `postmortem` write them.
"""

from __future__ import annotations

import os
import re
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from kdiag.core.model import CrashGroup, CrashKind, Ended, EndedThread, Frame
from kdiag.sources.probe_crashes import ToldFrame, ToldUsed, crash_frame, nil_used

if TYPE_CHECKING:
    from collections.abc import Iterator

# As the target has them: this side does not import the probe.
SCHEMA = "kdiag.crash/v1"
RECORDS = ("crashes.jsonl.1", "crashes.jsonl")
FATAL = "fatal-"
SHARED = ("/var/tmp", "/tmp", "/dev/shm")  # noqa: S108 - only looked at

_LARGEST_RECORDS = 1024 * 1024
_LARGEST_FATAL = 4 * 1024 * 1024
_LONGEST_NAME = 200
_MOST_FRAMES = 100
_SIGNALS = {
    "Segmentation fault": "SIGSEGV",
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Floating point exception": "SIGFPE",
    "Floating-point exception": "SIGFPE",
    "Illegal instruction": "SIGILL",
}
_THREAD = re.compile(r"(?:Current thread|Thread) 0x([0-9a-f]+)[^\n]*\(most recent call first\):")
_FRAME = re.compile(r' {2}File "(.+)", line (\d+) in (.+)')
_STARTERS = frozenset({"runpy.py", "<frozen runpy>"})
_OWN = ("/kdiag/probe/", "<kdiag>/")  # threads of ours are no part of the story

_Count = Annotated[int, msgspec.Meta(ge=0)]


class _Crash(msgspec.Struct, frozen=True):
    type: str
    message: str
    kind: CrashKind
    frames: Annotated[tuple[ToldFrame, ...], msgspec.Meta(max_length=64)]
    used: ToldUsed | None = None


class _Record(msgspec.Struct, frozen=True):
    schema: str
    at: Annotated[float, msgspec.Meta(ge=0, le=1e11)]
    pid: _Count
    parent: _Count
    python: str
    program: str
    uncaught: str
    crash: _Crash


def own_folders() -> list[Path]:
    """The folders where processes of this user leave records, for root those of all users."""
    chosen = os.environ.get("XDG_STATE_HOME", "")
    found = [Path(chosen) / "kdiag"] if chosen.startswith("/") else []
    for parent in SHARED:
        found += sorted(Path(parent).glob(".kdiag-*-crashes"))
    return [each for each in found if _is_trusted(each)]


def _is_trusted(folder: Path) -> bool:
    """Whether it is a folder of whom it says that it is: anybody may make one in a shared folder."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    name = folder.name.split("-")
    owner = name[1] if len(name) == 3 else str(os.geteuid())
    return stat.S_ISDIR(found.st_mode) and str(found.st_uid) == owner and os.geteuid() in {0, found.st_uid}


def read_folder(folder: Path) -> Iterator[Ended]:
    """What is recorded in a folder; lines and files that are no records are passed over.

    Raises:
        OSError: it cannot be read.
    """
    for name in sorted(os.listdir(folder)):
        if name in RECORDS:
            yield from _exceptions(folder / name)
        elif name.startswith(FATAL):
            found = _fatal(folder / name)
            if found is not None:
                yield found


def _exceptions(path: Path) -> Iterator[Ended]:
    for line in _content(path, _LARGEST_RECORDS)[0].splitlines():
        try:
            record = msgspec.json.decode(line, type=_Record)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if record.schema == SCHEMA:
            yield Ended(
                at=datetime.fromtimestamp(record.at, UTC),
                pid=record.pid,
                parent=record.parent,
                python=record.python,
                program=record.program,
                file=str(path),
                uncaught=record.uncaught,
                crash=_group(record.crash),
            )


def _group(crash: _Crash) -> CrashGroup:
    return CrashGroup(
        number=1,
        type=crash.type,
        message=crash.message,
        kind=crash.kind,
        count=1,
        ended=1,
        first_at=0.0,
        last_at=0.0,
        by={},
        loggers=(),
        threads=(),
        frames=tuple(map(crash_frame, crash.frames)),
        used=nil_used(crash.used),
    )


def _fatal(path: Path) -> Ended | None:
    """A file of faulthandler's; None where nothing was written, as in one of a process that lives."""
    content, written_at = _content(path, _LARGEST_FATAL)
    who, _, said = content.decode(errors="replace").partition("\n")
    words = who.split(" ", 3)
    said = said.strip()
    if len(words) != 4 or not (words[0].isdigit() and words[1].isdigit()) or not said:
        return None
    first = said.splitlines()[0].removeprefix("Fatal Python error: ")
    return Ended(
        at=datetime.fromtimestamp(written_at, UTC),
        pid=int(words[0]),
        parent=int(words[1]),
        python=words[2],
        program=words[3],
        file=str(path),
        signal=_SIGNALS.get(first, first[:_LONGEST_NAME]),
        threads=tuple(_threads(said)),
    )


def _threads(said: str) -> list[EndedThread]:
    """The threads, the one that was hit first."""
    found: list[EndedThread] = []
    heads = list(_THREAD.finditer(said))
    for number, head in enumerate(heads):
        end = heads[number + 1].start() if number + 1 < len(heads) else len(said)
        lines = said[head.end() : end].strip("\n").split("\n\n")[0]
        matches = list(_FRAME.finditer(lines))[:_MOST_FRAMES]
        frames = _of_the_program([Frame(match[1], int(match[2]), match[3]) for match in matches])
        if any(own in frame.file for frame in frames for own in _OWN):
            continue
        thread = EndedThread(head[1], frames)
        if head[0].startswith("Current"):
            found.insert(0, thread)
        else:
            found.append(thread)
    return found


def _of_the_program(frames: list[Frame]) -> tuple[Frame, ...]:
    """The frames without what starts a module (`python -m`)."""
    while frames and frames[-1].file.rpartition("/")[2] in _STARTERS:
        frames.pop()
    return tuple(frames)


def _content(path: Path, most: int) -> tuple[bytes, float]:
    """What a file holds, and when it was last written to."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # gone meanwhile, or no file
        return b"", 0.0
    with os.fdopen(descriptor, "rb") as file:
        return file.read(most), os.fstat(descriptor).st_mtime
