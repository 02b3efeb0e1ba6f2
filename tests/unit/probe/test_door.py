"""Doors of dead processes: who opens his own removes them, and nothing else."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from kdiag.probe.door import remove_dead_doors

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = 1 << 23  # beyond the largest number of a process


def folder(parent: Path, name: str) -> socket.socket:
    """A folder with a door; who holds the socket may listen behind it."""
    (parent / name).mkdir(mode=0o700)
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(parent / name / "door"))
    return door


def test_what_dead_processes_left_is_removed_half_made_or_not(tmp_path: Path) -> None:
    start = f".kdiag-{os.geteuid()}-"
    for left in (f"{start}{NOBODY}", f"{start}{NOBODY}-{NOBODY + 1}"):
        folder(tmp_path, left).close()
    others = {f"{start}{os.getpid()}-{os.getpid()}", f"{start}mine", f".kdiag-script-{NOBODY}-1"}
    for other in others:
        folder(tmp_path, other).close()
    with folder(tmp_path, f"{start}{NOBODY + 2}") as lives:
        lives.listen()
        remove_dead_doors(str(tmp_path))
        assert {each.name for each in tmp_path.iterdir()} == {*others, f"{start}{NOBODY + 2}"}
