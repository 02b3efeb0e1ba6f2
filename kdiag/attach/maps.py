"""The address space of a process as `/proc/PID/maps` tells it.

It is separate because the parsing is pure: it is tested on recorded texts, also of processes in containers.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kdiag.attach.memory import translate_os_error

if TYPE_CHECKING:
    from collections.abc import Iterable

DELETED = " (deleted)"

_LINE = re.compile(
    r"^(?P<start>[0-9a-f]+)-(?P<end>[0-9a-f]+) (?P<permissions>[-rwxsp]{4}) (?P<offset>[0-9a-f]+) "
    r"(?P<major>[0-9a-f]+):(?P<minor>[0-9a-f]+) (?P<inode>\d+) *(?P<path>.*)$"
)
_ESCAPED_NEWLINE = r"\012"  # the only escape that the kernel uses here (seq_file_path with "\n")


@dataclass(frozen=True, slots=True)
class Mapping:
    """One mapped range. `device` compares with `st_dev`; `path` is "" for anonymous memory and keeps `(deleted)`."""

    start: int
    end: int
    permissions: str
    offset: int
    device: int
    inode: int
    path: str

    @property
    def is_file(self) -> bool:
        """Whether a file is behind it."""
        return self.inode != 0

    @property
    def name(self) -> str:
        """The file's base name, without the mark of a deleted file."""
        return self.path.removesuffix(DELETED).rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class MappedFile:
    """One file with all its mappings in one process, by rising address."""

    path: str
    mappings: tuple[Mapping, ...]

    @property
    def name(self) -> str:
        """The file's base name, without the mark of a deleted file."""
        return self.mappings[0].name

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode as the kernel gives them for the mapping."""
        return self.mappings[0].device, self.mappings[0].inode


def parse_maps(text: str) -> tuple[Mapping, ...]:
    """Parse the text of `/proc/PID/maps`; a line that is cut off (the process is ending) is left out."""
    matches = (_LINE.match(line) for line in text.splitlines())
    return tuple(
        Mapping(
            start=int(found["start"], 16),
            end=int(found["end"], 16),
            permissions=found["permissions"],
            offset=int(found["offset"], 16),
            device=os.makedev(int(found["major"], 16), int(found["minor"], 16)),
            inode=int(found["inode"]),
            path=found["path"].replace(_ESCAPED_NEWLINE, "\n"),
        )
        for found in matches
        if found
    )


def read_maps(pid: int) -> tuple[Mapping, ...]:
    """Read the mappings of a process; empty for a zombie or a kernel thread.

    Raises:
        KdiagError: `target-ended` or `permission-denied`.
    """
    try:
        text = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise translate_os_error(pid, error) from error
    return parse_maps(text)


def mapped_files(mappings: Iterable[Mapping]) -> tuple[MappedFile, ...]:
    """Group the mappings that have a file behind them, in the order of their first address."""
    groups: dict[tuple[int, int, str], list[Mapping]] = {}
    for mapping in mappings:
        if mapping.is_file:
            groups.setdefault((mapping.device, mapping.inode, mapping.path), []).append(mapping)
    return tuple(MappedFile(path, tuple(group)) for (_, _, path), group in groups.items())
