"""Where a few hundred bytes find room in a process without taking any: the padding behind its code and constants.

A program's segments end somewhere, the memory that holds them ends at a page. The bytes in between are mapped, zero,
and nobody's. Nothing is overwritten that is not padding by the file's own account and zero in memory.

A host that is killed while it enters leaves its blocks behind, and nobody can tell whether a thread will still come to
them. So they stay as they are, but who finds the very bytes that it would write uses those, and takes no more room.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.attach.machine import SPAWN
from kdiag.attach.maps import MappedFile, mapped_files
from kdiag.attach.memory import POINTER_SIZE
from kdiag.attach.symbols import Image, open_image
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kdiag.attach.maps import Mapping
    from kdiag.attach.memory import TargetMemory

ALIGNMENT = 16
_LONG_ENOUGH = 64  # bytes that are ours and nobody else's


@dataclass(frozen=True, slots=True)
class Padding:
    """A run of zero bytes that belongs to nothing; `executable` says that code may run there.

    `left` is what an earlier block has left right before it.
    """

    address: int
    size: int
    executable: bool
    left: bytes = b""


@dataclass(frozen=True, slots=True)
class Room:
    """Where a block of code and a text find their place.

    Attributes:
        code_at: zeros for the code; None where there are too few.
        text_at: zeros for the text, or the text itself: `text_stays` then.
        codes_left: where code of ours stands that a killed host has left; its literals may be others.
    """

    code_at: int | None
    text_at: int
    text_stays: bool
    codes_left: tuple[int, ...]


def find_room(memory: TargetMemory, mappings: Sequence[Mapping], code: bytes, text: bytes) -> Room | None:
    """Room for a block of code and for a text that it reads; None when there is none.

    Fresh addresses are multiples of ALIGNMENT. The files are looked at one after the other, until both have found
    their place.

    Args:
        memory, mappings: the process's.
        code: the block, its literals empty.
        text: ends with a zero byte.
    """
    code_at = text_at = stays_at = None
    codes_left: list[int] = []
    for padding in _paddings(memory, mappings):
        free = padding
        codes_left += _codes_in(padding, code) if padding.executable else ()
        stays_at = stays_at or _text_in(padding, text)
        if code_at is None and free.executable and free.size >= len(code):
            code_at, free = free.address, _behind(free, len(code))
        if text_at is None and free.size >= len(text):
            text_at = free.address
        if code_at is not None and text_at is not None and not padding.left:
            break
    text_at = stays_at or text_at
    if text_at is None or (code_at is None and not codes_left):
        return None
    return Room(code_at, text_at, stays_at is not None, tuple(codes_left))


def _codes_in(padding: Padding, code: bytes) -> Iterator[int]:
    """Where in what was left a block of code of ours begins."""
    wanted = code[SPAWN:].rstrip(b"\0")
    place = padding.left.find(wanted)
    while place >= 0:
        if place >= SPAWN:
            yield padding.address - len(padding.left) + place - SPAWN
        place = padding.left.find(wanted, place + 1)


def _text_in(padding: Padding, text: bytes) -> int | None:
    """Where in what was left the text stands; its first bytes may have been taken away, so that it does nothing."""
    wanted = text[POINTER_SIZE:].rstrip(b"\0") + b"\0"
    place = padding.left.find(wanted) if len(wanted) >= _LONG_ENOUGH else -1
    if place < POINTER_SIZE:
        return None
    first = padding.left[place - POINTER_SIZE : place]
    known = first in (text[:POINTER_SIZE], bytes(POINTER_SIZE))
    return padding.address - len(padding.left) + place - POINTER_SIZE if known else None


def _behind(padding: Padding, size: int) -> Padding:
    taken = _aligned(size)
    return Padding(padding.address + taken, max(padding.size - taken, 0), padding.executable)


def _paddings(memory: TargetMemory, mappings: Sequence[Mapping]) -> Iterator[Padding]:
    for file in mapped_files(mappings):
        if not any("x" in mapping.permissions for mapping in file.mappings):
            continue
        try:
            with open_image(memory.pid, file) as image:
                ends = list(_segment_ends(file, image))
        except KdiagError:  # a file that we cannot have (deleted, another root) has no padding that we know of
            continue
        for start, end, executable in ends:
            yield from _zeros(memory, start, end, executable=executable)


def _segment_ends(file: MappedFile, image: Image) -> Iterator[tuple[int, int, bool]]:
    """Start and end of the padding behind each segment that is not writable, and whether code may run there."""
    for segment in image.elf.segments:
        start = image.bias + segment.address + segment.file_size
        mapping = _holding(file.mappings, start)
        if mapping and not segment.writable and segment.file_size == segment.memory_size:
            yield start, mapping.end, segment.executable and "x" in mapping.permissions


def _holding(mappings: Iterable[Mapping], address: int) -> Mapping | None:
    """The read-only mapping whose last page an address lies in."""
    for mapping in mappings:
        if mapping.start <= address < mapping.end and "r" in mapping.permissions and "w" not in mapping.permissions:
            return mapping
    return None


def _zeros(memory: TargetMemory, start: int, end: int, *, executable: bool) -> Iterator[Padding]:
    """The zeros at the end of a range, behind what an earlier block has left."""
    try:
        content = memory.read(start, end - start)
    except KdiagError:
        return
    used = min(_aligned(len(content.rstrip(b"\0")) + start) - start, len(content))
    if content:
        yield Padding(start + used, len(content) - used, executable, content[:used])


def _aligned(value: int) -> int:
    return -(-value // ALIGNMENT) * ALIGNMENT
