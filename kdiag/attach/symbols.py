"""Where the symbols of a file lie in a process that has it mapped.

It is separate from `elf`, which knows nothing of processes: this module finds the very file that is mapped (also when
it was deleted, or lies below another root) and how far its addresses were shifted when it was loaded.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.attach.elf import Elf, NotElfError, Segment
from kdiag.attach.maps import DELETED, MappedFile
from kdiag.attach.memory import TargetMemory
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Image:
    """A file as it is loaded in one process: `bias` is what is added to its addresses."""

    elf: Elf
    bias: int

    def address(self, name: str) -> int | None:
        """Where a symbol lies in the process; None when the file does not define it or was stripped of it."""
        value = self.elf.symbol(name)
        return None if value is None else value + self.bias


@contextlib.contextmanager
def open_image(pid: int, file: MappedFile) -> Iterator[Image]:
    """Open a mapped ELF file; usable while the context lasts.

    Raises:
        KdiagError: `file-not-readable` when the very file that is mapped cannot be had, `not-elf`.
    """
    descriptor = open_mapped(pid, file)
    try:
        elf = Elf(descriptor)
        yield Image(elf, load_bias(file, elf.segments))
    except NotElfError as error:
        reference, message = "not-elf", f"{file.path} is not a 64-bit little-endian ELF file"
        raise KdiagError(reference, message) from error
    finally:
        os.close(descriptor)


def open_mapped(pid: int, file: MappedFile) -> int:
    """Open the very file that a process has mapped and return the descriptor.

    `/proc/PID/exe` and `map_files` lead to it by construction, though it was deleted or lies below another root; the
    latter wants CAP_CHECKPOINT_RESTORE. A path may lead elsewhere (another root, a package upgrade), so that what it
    leads to must prove to be the same file. `maps` shows the files of a chroot as the reader sees them and those of a
    container as the target sees them: both ways are tried.
    """
    sure, to_check = _candidates(pid, file)
    for path in (*sure, *to_check):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            if path in sure or _is_same(pid, file, descriptor):
                return descriptor
            os.close(descriptor)
    reference, message = "file-not-readable", f"cannot open the file that process {pid} has mapped as {file.path}"
    raise KdiagError(
        reference, message, cause="it was replaced or lies in another root", hint=f"sudo kdiag doctor {pid}"
    )


def load_bias(file: MappedFile, segments: tuple[Segment, ...]) -> int:
    """How far a loaded file's addresses are shifted (0 for an executable that is not position-independent).

    A file may be mapped once more as plain data, so the mapping taken is one whose code lies where it then must.
    """
    for mapping in file.mappings if segments else ():
        first = segments[0]
        bias = mapping.start - first.address + first.offset - mapping.offset
        if mapping.offset == _page_start(first.offset) and all(
            _is_code(file, segment.address + bias) for segment in segments if segment.executable
        ):
            return bias
    reference, message = "not-loaded", f"{file.path} is mapped, but not loaded as a program or library"
    raise KdiagError(reference, message)


def _candidates(pid: int, file: MappedFile) -> tuple[list[str], list[str]]:
    """Paths that lead to the mapped file for sure, and paths whose file must prove itself."""
    mapping = file.mappings[0]
    sure = [f"/proc/{pid}/map_files/{mapping.start:x}-{mapping.end:x}"]
    with contextlib.suppress(OSError):
        if os.readlink(f"/proc/{pid}/exe") == file.path:
            sure.insert(0, f"/proc/{pid}/exe")
    path = file.path.removesuffix(DELETED)
    return sure, [f"/proc/{pid}/root{path}", path]


def _is_same(pid: int, file: MappedFile, descriptor: int) -> bool:
    """Whether an open file is the mapped one: by device and inode, else by its first page.

    btrfs and overlayfs give other device numbers in `stat` than in `maps`. There the first page decides: it holds the
    program headers and mostly the build id.
    """
    status = os.fstat(descriptor)
    if (status.st_dev, status.st_ino) == file.identity:
        return True
    mapping = file.mappings[0]
    if mapping.offset:
        return False
    try:
        with TargetMemory(pid) as memory:
            return memory.read(mapping.start, _PAGE) == os.pread(descriptor, _PAGE, 0)
    except KdiagError:
        return False


def _is_code(file: MappedFile, address: int) -> bool:
    return any("x" in each.permissions and each.start <= address < each.end for each in file.mappings)


def _page_start(offset: int) -> int:
    return offset - offset % _PAGE
