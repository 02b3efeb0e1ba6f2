"""How far a loaded file was shifted, and files that are no ELF files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kdiag.attach.elf import Elf, NotElfError, Segment
from kdiag.attach.maps import mapped_files, parse_maps
from kdiag.attach.symbols import load_bias
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from pathlib import Path

# Recorded: Debian's python3.11 (not position-independent) and a libpython, with their first two segments.
PROGRAM = """\
00400000-0041f000 r--p 00000000 fe:00 260811 /usr/bin/python3.11
0041f000-006d2000 r-xp 0001f000 fe:00 260811 /usr/bin/python3.11
"""
PROGRAM_SEGMENTS = (
    Segment(0, 0x400000, 0x1E0E0, 0x1E0E0, executable=False, writable=False),
    Segment(0x1F000, 0x41F000, 0x2B2289, 0x2B2289, executable=True, writable=False),
)
LIBRARY = """\
7f7f24455000-7f7f2447b000 r--p 00000000 fe:00 339380 /usr/lib/libpython3.11.so.1.0
7f7f2447b000-7f7f245d1000 r-xp 00026000 fe:00 339380 /usr/lib/libpython3.11.so.1.0
"""
LIBRARY_SEGMENTS = (
    Segment(0, 0, 0x25000, 0x25000, executable=False, writable=False),
    Segment(0x26000, 0x26000, 0x155000, 0x155000, executable=True, writable=False),
)


def test_a_program_at_a_fixed_address_is_not_shifted() -> None:
    assert load_bias(mapped_files(parse_maps(PROGRAM))[0], PROGRAM_SEGMENTS) == 0


def test_a_library_is_shifted_to_its_first_mapping() -> None:
    assert load_bias(mapped_files(parse_maps(LIBRARY))[0], LIBRARY_SEGMENTS) == 0x7F7F24455000


def test_a_file_that_is_mapped_as_data_too_is_found_where_its_code_is() -> None:
    text = "10000-20000 r--p 00000000 fe:00 339380 /usr/lib/libpython3.11.so.1.0\n" + LIBRARY
    assert load_bias(mapped_files(parse_maps(text))[0], LIBRARY_SEGMENTS) == 0x7F7F24455000


def test_a_file_that_is_only_mapped_as_data_is_not_loaded() -> None:
    text = "10000-20000 r--p 00000000 fe:00 339380 /usr/lib/libpython3.11.so.1.0\n"
    with pytest.raises(KdiagError) as error:
        load_bias(mapped_files(parse_maps(text))[0], LIBRARY_SEGMENTS)
    assert error.value.reference == "not-loaded"


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"#!/bin/sh\n" + bytes(64), b"\x7fELF\x01\x01" + bytes(64)])
def test_what_is_no_64_bit_elf_file_is_said_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with pytest.raises(NotElfError):
            Elf(descriptor)
    finally:
        os.close(descriptor)
