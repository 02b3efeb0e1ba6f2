"""Turns py-spy's output into the model: `dump --json` into threads, `record --format raw` into counted stacks.

It is separate from the loops that call it, so that every shape py-spy can give is tested on recorded text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from kdiag.core.model import Frame, ProfiledStack, ThreadSample
from kdiag.sources.tools import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable


class _Frame(msgspec.Struct):
    name: str
    filename: str
    line: int
    module: str | None = None


class _Thread(msgspec.Struct):
    thread_id: int
    active: bool
    owns_gil: bool
    frames: list[_Frame]
    thread_name: str | None = None
    os_thread_id: int | None = None


_DUMP = msgspec.json.Decoder(list[_Thread])
_RAW_FRAME = re.compile(r"^(?P<function>.*) \((?P<file>.*?)(?::(?P<line>\d+))?\)$")
_RAW_THREAD = re.compile(r"^thread \((?P<id>0x[0-9A-Fa-f]+|\d+)\)(?:: (?P<name>.*))?$")


def parse_dump(text: bytes, kernel_id: Callable[[int], int]) -> tuple[ThreadSample, ...]:
    """Threads of one `py-spy dump --json`, frames innermost first.

    Args:
        text: py-spy's standard output.
        kernel_id: gives the kernel's thread id for a Python thread ident where py-spy did not say (before 3.11).

    Raises:
        SourceError: `py-spy-garbled` when the text is not what py-spy 0.4 writes.
    """
    try:
        threads = _DUMP.decode(text)
    except msgspec.DecodeError as error:
        raise SourceError("py-spy-garbled", "py-spy's answer could not be read.", cause=str(error)) from error
    return tuple(
        ThreadSample(
            thread_id=thread.os_thread_id or kernel_id(thread.thread_id),
            ident=thread.thread_id,
            name=thread.thread_name or f"Thread-{thread.thread_id:#x}",
            frames=tuple(_frame(frame) for frame in thread.frames),
            holds_gil=thread.owns_gil,
        )
        for thread in threads
    )


def _frame(frame: _Frame) -> Frame:
    return Frame(frame.filename, max(frame.line, 0), frame.name, native=_is_native(frame.filename))


def _is_native(file: str) -> bool:
    return not file.endswith((".py", ".pyc", ".pyx")) and not file.startswith("<")


def parse_raw(text: str, kernel_id: Callable[[int], int]) -> tuple[ProfiledStack, ...]:
    """Counted stacks of one `py-spy record --format raw --threads --full-filenames`, frames innermost first.

    A line is `thread (ID): name;outer (file:line);inner (file:line) COUNT`; lines of another shape are left out.
    ID is the kernel's in decimal, or before 3.11 Python's in hexadecimal, which `kernel_id` translates.
    """
    stacks = []
    for line in text.splitlines():
        path, _, count = line.rpartition(" ")
        if not count.isdigit():
            continue
        head, *frames = path.split(";")
        thread = _RAW_THREAD.match(head)
        if thread is None:
            thread_id, name, frames = 0, "", [head, *frames]
        else:
            number, name = int(thread["id"], 0), thread["name"] or ""
            thread_id = kernel_id(number) if thread["id"].startswith("0x") else number
        stacks.append(ProfiledStack(thread_id, name, tuple(map(parse_frame, reversed(frames))), int(count)))
    return tuple(stacks)


def parse_frame(text: str) -> Frame:
    """One frame of the raw format: `function (file:line)`, or a native one, `function (library)`."""
    match = _RAW_FRAME.match(text)
    if match is None:
        return Frame("", 0, text, native=True)
    return Frame(match["file"], int(match["line"] or 0), match["function"], native=_is_native(match["file"]))
