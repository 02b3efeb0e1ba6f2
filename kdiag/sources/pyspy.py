"""Turns py-spy's output into the model: `dump --json` into threads, `record --format raw` into counted stacks.

It is separate from the loops that call it, so that every shape py-spy can give is tested on recorded text.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from kdiag.core.model import Frame, ProfiledStack, ThreadSample
from kdiag.core.profile import parse_collapsed
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
_LARGEST_KERNEL_ID = 2**22  # Linux gives no larger one; an ident is an address


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
            name=thread.thread_name or nameless(thread.thread_id),
            frames=tuple(_frame(frame) for frame in thread.frames),
            holds_gil=thread.owns_gil,
        )
        for thread in threads
    )


def nameless(ident: int) -> str:
    """What a thread is called whose name could not be read: the target changed its list of threads meanwhile."""
    return f"Thread-{ident:#x}"


def _frame(frame: _Frame) -> Frame:
    native = not frame.filename.endswith((".py", ".pyc", ".pyx")) and not frame.filename.startswith("<")
    return Frame(frame.filename, max(frame.line, 0), frame.name, native=native)


def parse_profile(text: str, kernel_id: Callable[[int], int]) -> tuple[ProfiledStack, ...]:
    """Counted stacks of one `py-spy record --format raw --threads --full-filenames`, frames innermost first.

    Before 3.11 py-spy names threads by Python's ident, which `kernel_id` translates.
    """
    return tuple(
        stack if stack.thread_id <= _LARGEST_KERNEL_ID else replace(stack, thread_id=kernel_id(stack.thread_id))
        for stack in parse_collapsed(text).stacks
    )
