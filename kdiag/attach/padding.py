"""Where a few hundred bytes find room in a process without taking any: the padding behind its code and constants.

A program's segments end somewhere, the memory that holds them ends at a page. The bytes in between are mapped, zero,
and nobody's. Nothing is overwritten that is not padding by the file's own account and zero in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.attach.maps import MappedFile, mapped_files
from kdiag.attach.symbols import Image, open_image
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kdiag.attach.maps import Mapping
    from kdiag.attach.memory import TargetMemory

ALIGNMENT = 16


@dataclass(frozen=True, slots=True)
class Padding:
    """A run of zero bytes that belongs to nothing; `executable` says that code may run there."""

    address: int
    size: int
    executable: bool


def find_room(
    memory: TargetMemory, mappings: Sequence[Mapping], code_size: int, text_size: int
) -> tuple[int, int] | None:
    """Addresses for a block of code and for a text that it reads; None when there is no room.

    Sizes in bytes; the addresses are multiples of ALIGNMENT. The files are looked at one after the other, until both
    have found their place.
    """
    code = text = None
    for padding in _paddings(memory, mappings):
        free = padding
        if code is None and free.executable and free.size >= code_size:
            code, free = free.address, _behind(free, code_size)
        if text is None and free.size >= text_size:
            text = free.address
        if code is not None and text is not None:
            return code, text
    return None


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
    """The zeros at the end of a range: an earlier block that could not be wiped is left alone."""
    try:
        content = memory.read(start, end - start)
    except KdiagError:
        return
    used = _aligned(len(content.rstrip(b"\0")) + start) - start
    if used < len(content):
        yield Padding(start + used, len(content) - used, executable)


def _aligned(value: int) -> int:
    return -(-value // ALIGNMENT) * ALIGNMENT
