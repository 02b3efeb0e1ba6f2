"""Which file of a process is its Python interpreter, which version and build, and where its data lie.

It is separate from `process`, which tells what the operating system says of any process: this is CPython's side.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kdiag.attach.maps import MappedFile, Mapping, mapped_files, read_maps
from kdiag.attach.symbols import Image, open_image
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kdiag.attach.elf import Elf

Build = Literal["release", "debug", "free-threaded"]

_LIBRARY = re.compile(r"libpython(?P<major>\d)\.(?P<minor>\d+)(?P<flags>[a-z]*)\.so")
_PROGRAM = re.compile(r"python(?P<major>\d)(\.(?P<minor>\d+)(?P<flags>[a-z]*))?(-dbg)?$")
# Up to 3.10 no symbol holds the version, but the literal PY_VERSION stands in the read-only data, on its own or (the
# linker shares the ends of strings) as the end of an installation path.
_VERSION_LITERAL = re.compile(rb"3\.([6-9]|10)\.(\d{1,2})(?:(?:a|b|rc)\d+)?\+?\0")
_DEBUG_OFFSETS = struct.Struct("<8sQQ")  # how _PyRuntime begins from 3.13 on: cookie, version, free-threaded
_COOKIE = b"xdebugpy"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The interpreter of one process.

    Attributes:
        path: its file as `/proc/PID/maps` shows it.
        runtime: address of `_PyRuntime` in the process; None when it cannot be told, then `problem` says why.
        writable: address ranges of its own writable data. A futex in there is the GIL's, not a lock's.
    """

    path: str
    version: tuple[int, ...]
    build: Build
    machine: str = ""
    runtime: int | None = None
    writable: tuple[tuple[int, int], ...] = ()
    problem: KdiagError | None = None


def find_interpreter(pid: int, mappings: Sequence[Mapping] | None = None) -> Interpreter | None:
    """Find the interpreter of a process; None when there is no CPython in it.

    The executable comes first: when it holds an interpreter of its own, a libpython beside it (dragged in by an
    extension module) is not the one that runs.

    Raises:
        KdiagError: `target-ended` or `permission-denied`.
    """
    files = mapped_files(read_maps(pid) if mappings is None else mappings)
    program = _program(pid, files)
    candidates = [program] if program else []
    candidates += [file for file in files if _LIBRARY.match(file.name)]
    named: Interpreter | None = None
    for file in candidates:
        found = _look_into(pid, file)
        if found and found.runtime is not None:
            return found
        named = named or found
    return named


def interpreter_ranges(pid: int) -> tuple[tuple[int, int], ...]:
    """Address ranges [start, end) of the interpreter's own writable data; empty when there is no interpreter.

    Taken from the file's segments, because the mapping of the zero-initialised part carries no name and may have grown
    together with its neighbour.
    """
    found = find_interpreter(pid)
    return found.writable if found else ()


def version_of_name(name: str) -> tuple[tuple[int, ...], Build] | None:
    """Version and build by the base name of an interpreter's file; None when it is not the name of one."""
    match = _LIBRARY.match(name) or _PROGRAM.match(name)
    if not match:
        return None
    flags = match["flags"] or ""
    build: Build = "free-threaded" if "t" in flags else "debug" if "d" in flags else "release"
    return tuple(int(part) for part in (match["major"], match["minor"]) if part), build


def _program(pid: int, files: Sequence[MappedFile]) -> MappedFile | None:
    try:
        path = os.readlink(f"/proc/{pid}/exe")
    except OSError:  # CAP_PERFMON lets us read the map but not this link: go by the names
        return next((file for file in files if version_of_name(file.name)), None)
    return next((file for file in files if file.path == path), None)


def _look_into(pid: int, file: MappedFile) -> Interpreter | None:
    """The interpreter in one file of a process; None when the file neither holds one nor is named like one."""
    named = version_of_name(file.name)
    try:
        with open_image(pid, file) as image:
            found = _describe(file, image, named)
    except KdiagError as problem:
        return Interpreter(file.path, *named, problem=problem) if named else None
    return found


def _describe(file: MappedFile, image: Image, named: tuple[tuple[int, ...], Build] | None) -> Interpreter | None:
    elf, bias = image.elf, image.bias
    runtime = elf.symbol("_PyRuntime")
    if runtime is None:
        return Interpreter(file.path, *named, problem=_no_symbols(file)) if named else None
    offsets = elf.read(runtime, _DEBUG_OFFSETS.size)  # statically initialised, so the file has them too
    free_threaded = len(offsets) == _DEBUG_OFFSETS.size and _DEBUG_OFFSETS.unpack(offsets)[::2] == (_COOKIE, 1)
    debug = elf.symbol("_Py_NegativeRefcount") is not None  # exists with Py_REF_DEBUG only
    return Interpreter(
        path=file.path,
        version=_version(elf, named[0] if named else ()),
        build="free-threaded" if free_threaded else "debug" if debug else "release",
        machine=elf.machine,
        runtime=runtime + bias,
        writable=tuple(
            (segment.address + bias, segment.address + bias + segment.memory_size)
            for segment in elf.segments
            if segment.writable
        ),
    )


def _version(elf: Elf, named: tuple[int, ...]) -> tuple[int, ...]:
    """Major, minor, micro as the file itself says; what its name says when it does not."""
    address = elf.symbol("Py_Version")  # since 3.11: PY_VERSION_HEX
    if address is not None:
        hexadecimal = int.from_bytes(elf.read(address, 8), "little")
        return hexadecimal >> 24 & 0xFF, hexadecimal >> 16 & 0xFF, hexadecimal >> 8 & 0xFF
    for segment in elf.segments:
        if segment.writable or segment.executable:
            continue
        for literal in _VERSION_LITERAL.finditer(elf.read(segment.address, segment.file_size)):
            version = (3, int(literal[1]), int(literal[2]))
            if named in (version[:2], ()):
                return version
    return named


def _no_symbols(file: MappedFile) -> KdiagError:
    reference, message = "interpreter-without-symbols", f"{file.path} does not export _PyRuntime"
    cause = "it was linked without exported symbols, or stripped of its dynamic symbols too"
    return KdiagError(reference, message, cause=cause, hint="run the service with an interpreter that exports them")
