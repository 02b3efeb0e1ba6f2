"""What we need of an ELF file: its loadable segments, the values of its symbols, bytes by virtual address.

Our own hundred lines instead of pyelftools, for its import alone takes 0.2 s, which `kdiag ps` and every attach would
pay, and its symbol tables are Python objects, one a symbol; here a look-up is a search in bytes and takes well below
a millisecond on a 45 MB binary. The tests hold it against pyelftools. Pure but for reading the open file.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_SECTION_HEADER = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")

_64_BIT_LITTLE_ENDIAN = b"\x7fELF\x02\x01"
_PT_LOAD = 1
_FUNCTIONS = frozenset({2, 10})  # STT_FUNC, STT_GNU_IFUNC
_SHT_SYMTAB = 2
_SHT_DYNSYM = 11
_FLAG_EXECUTABLE, _FLAG_WRITABLE = 1, 2
MACHINES = {62: "x86-64", 183: "aarch64"}


class NotElfError(Exception):
    """The file is not a 64-bit little-endian ELF file, or it is damaged."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the file that is mapped when it is loaded (PT_LOAD); sizes in bytes."""

    offset: int
    address: int
    file_size: int
    memory_size: int
    executable: bool
    writable: bool


@dataclass(frozen=True, slots=True)
class _SymbolTable:
    """Where a symbol table and the strings that it names lie in the file."""

    offset: int
    size: int
    strings_offset: int
    strings_size: int


class Elf:
    """An open ELF file; the descriptor stays the caller's.

    Raises:
        NotElfError: on construction, for anything but a 64-bit little-endian ELF file.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        try:
            header = _HEADER.unpack(self._read(0, _HEADER.size))
            if not header[0].startswith(_64_BIT_LITTLE_ENDIAN):
                raise NotElfError
            _, _, machine, _, _, programs_at, sections_at, _, _, _, programs, _, sections, _ = header
            self.machine = MACHINES.get(machine, f"machine {machine}")
            self.segments = self._read_segments(programs_at, programs)
            self._tables = self._read_symbol_tables(sections_at, sections)
        except struct.error as error:  # cut off
            raise NotElfError from error

    def symbol(self, name: str) -> int | None:
        """The value of a defined symbol (its address before loading); `.dynsym` first, for it survives strip."""
        found = self.extent(name)
        return found[0] if found else None

    def functions(self) -> Iterator[tuple[int, int, str]]:
        """Value, size and name of every defined function, of all tables; one may come twice."""
        for table in self._tables:
            strings = self._read(table.strings_offset, table.strings_size)
            for name, info, _, section, value, size in _SYMBOL.iter_unpack(self._read(table.offset, table.size)):
                if section and size and info & 0xF in _FUNCTIONS:
                    yield value, size, strings[name : strings.index(b"\0", name)].decode(errors="replace")

    def extent(self, name: str) -> tuple[int, int] | None:
        """The value of a defined symbol, and its size in bytes."""
        wanted = name.encode() + b"\0"
        for table in self._tables:
            strings = self._read(table.strings_offset, table.strings_size)
            place = strings.find(wanted)
            while place >= 0:  # a name may also be found as the tail of another one
                found = self._extent_of(table, place)
                if found is not None:
                    return found
                place = strings.find(wanted, place + 1)
        return None

    def read(self, address: int, size: int) -> bytes:
        """Up to `size` bytes that are loaded at an address, as they stand in the file; b"" when there are none."""
        for segment in self.segments:
            start = address - segment.address
            if 0 <= start < segment.file_size:
                return self._read(segment.offset + start, min(size, segment.file_size - start))
        return b""

    def _extent_of(self, table: _SymbolTable, name_offset: int) -> tuple[int, int] | None:
        """Value and size of the symbol whose name stands at an offset of the strings; None when none is defined."""
        raw = self._read(table.offset, table.size)
        words_per_symbol = _SYMBOL.size // 4
        names = memoryview(raw).cast("I")[::words_per_symbol].tolist()  # st_name of each symbol, at C speed
        try:
            index = names.index(name_offset)
        except ValueError:
            return None
        _, _, _, section, value, size = _SYMBOL.unpack_from(raw, index * _SYMBOL.size)
        return (int(value), int(size)) if section else None

    def _read_segments(self, offset: int, count: int) -> tuple[Segment, ...]:
        raw = self._read(offset, count * _PROGRAM_HEADER.size)
        return tuple(
            Segment(at, address, file_size, memory_size, bool(flags & _FLAG_EXECUTABLE), bool(flags & _FLAG_WRITABLE))
            for kind, flags, at, address, _, file_size, memory_size, _ in _PROGRAM_HEADER.iter_unpack(raw)
            if kind == _PT_LOAD
        )

    def _read_symbol_tables(self, offset: int, count: int) -> tuple[_SymbolTable, ...]:
        sections = list(_SECTION_HEADER.iter_unpack(self._read(offset, count * _SECTION_HEADER.size)))
        tables = []
        for wanted in (_SHT_DYNSYM, _SHT_SYMTAB):
            for _, kind, _, _, at, size, link, _, _, _ in sections:
                if kind == wanted and link < len(sections):
                    strings = sections[link]
                    tables.append(_SymbolTable(at, size - size % _SYMBOL.size, strings[4], strings[5]))
        return tuple(tables)

    def _read(self, offset: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, offset) if size else b""
