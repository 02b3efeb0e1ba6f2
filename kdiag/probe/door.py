"""Where the probe of a process is found: the door of `boot`, for a probe that was there from the start.

It is separate from `boot`, which is sent without it: there the host has looked for what a dead process left.
"""

from __future__ import annotations

import _socket
import os

from .boot import close_door, open_door

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["DOOR", "close_door", "open_own_door", "remove_dead_doors", "somebody_listens"]

PARENTS = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - where a door may be; it is a folder of mode 0700
DOOR = "door"


def open_own_door() -> Any:
    """Open this process's door and return it: (folder, listening socket); None when there is one, or none can be.

    What a dead process that had our number left is removed first.
    """
    for parent in PARENTS:
        folder = f"{parent}/.kdiag-{os.geteuid()}-{os.getpid()}"
        try:
            ours = os.lstat(folder).st_uid == os.geteuid()
        except OSError:
            continue
        if ours and somebody_listens(folder):
            return None
        if ours:
            close_door(folder)
    return open_door(PARENTS, [])


def somebody_listens(folder: str) -> bool:
    """Tell whether a probe lives behind a door."""
    caller = _socket.socket(_socket.AF_UNIX)
    try:
        caller.settimeout(1.0)
        caller.connect(f"{folder}/{DOOR}")
    except OSError:
        return False
    else:
        return True
    finally:
        caller.close()


def remove_dead_doors(parent: str) -> None:
    """Remove what processes of our user left that were killed: their socket refuses, and their number is nobody's."""
    start = f".kdiag-{os.geteuid()}-"
    for name in os.listdir(parent):
        number = name[len(start) :].partition("-")[0]  # one that is being made has its thread's behind it
        left = name.startswith(start) and number.isdigit() and not os.path.exists(f"/proc/{number}")
        if left and not somebody_listens(f"{parent}/{name}"):
            close_door(f"{parent}/{name}")
