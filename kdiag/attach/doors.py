"""The door of a process's probe, seen from outside: found, checked, entered, and removed once nobody is behind it.

It is separate from the channel because a door may be looked for where no probe is: that disturbs nobody.

The target may see another root folder, and other numbers for itself and its user; see `kdiag.probe.boot` for what it
makes. Who is let in is checked on both sides: here that folder and socket are the target's own.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from kdiag.attach.bundle import PARENTS
from kdiag.attach.memory import TargetEndedError
from kdiag.attach.process import read_stat
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from kdiag.attach.process import ProcessFacts

CONNECT_WITHIN_S = 5.0
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid
_PRIVATE_FOLDER = stat.S_IFDIR | 0o700
_LISTENING = 0x10000  # among the flags of a socket in /proc/PID/net/unix


def find_door(facts: ProcessFacts) -> Path | None:
    """The door of a process's probe, as we see it; None when there is none.

    One that nobody listens behind is of a dead process that had the same number, or of the program that this process
    ran before: it is removed. Nothing is connected to.
    """
    root = "" if hidden(facts.pid) else f"/proc/{facts.pid}/root"
    for parent in PARENTS:
        name = f".kdiag-{_uid_inside(facts)}-{facts.ns_pids[-1]}"
        folder = Path(f"{root}{parent}") / name
        if not _is_private(folder, facts.uid):
            continue
        if _somebody_listens(facts.pid, name):
            return folder / "door"
        remove_door(folder)
    return None


def hidden(pid: int) -> bool:
    """Whether we may not see the root folder of a process.

    One that has changed its user keeps its own user out. Most likely it sees the root that we see, so its door is
    looked for there: whose it is, is checked in any case.
    """
    try:
        os.stat(f"/proc/{pid}/root/")  # noqa: PTH116 - a Path would lose the slash that follows the link
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def connect(path: Path, pid: int, uid: int) -> socket.socket:
    """Connect to a door that is the process's and its user's own.

    Raises:
        KdiagError: `probe-refused`, `probe-gone`, `target-ended`.
    """
    connection = socket.socket(socket.AF_UNIX)
    folder = -1
    try:
        # Opened once: what was checked is what is entered, and the path of the socket is short however deep it lies.
        folder = os.open(path.parent, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC)
        _check_folder(os.fstat(folder), pid, uid)
        connection.settimeout(CONNECT_WITHIN_S)
        connection.connect(f"/proc/self/fd/{folder}/{path.name}")
        _check_peer(connection, pid, uid)
    except BaseException as error:
        connection.close()
        if isinstance(error, OSError):
            raise _translate(pid, error) from error
        raise
    finally:
        if folder >= 0:
            os.close(folder)
    return connection


def _check_folder(found: os.stat_result, pid: int, uid: int) -> None:
    if found.st_mode != _PRIVATE_FOLDER or found.st_uid != uid:
        raise _refused(pid, "its door is not in a private folder of its user")


def _check_peer(connection: socket.socket, pid: int, uid: int) -> None:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    peer_pid, peer_uid, _ = _CREDENTIALS.unpack(credentials)
    if (peer_pid, peer_uid) != (pid, uid):
        raise _refused(pid, f"behind its door is process {peer_pid} of user {peer_uid}")


def remove_door(folder: Path) -> None:
    """Remove the door of a process that is gone."""
    with contextlib.suppress(OSError):
        (folder / "door").unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def alive(pid: int) -> bool:
    """Whether a process still runs; a zombie does not."""
    try:
        return read_stat(pid).state not in {"Z", "X"}
    except KdiagError:
        return False


def gone(pid: int, cause: str) -> KdiagError:
    """The error for a probe that is there no more."""
    return KdiagError("probe-gone", f"there is no probe in process {pid} any more", cause=cause, hint="ask again")


def _refused(pid: int, cause: str) -> KdiagError:
    message = f"the probe in process {pid} is not to be talked to"
    return KdiagError("probe-refused", message, cause=cause, hint=f"kdiag doctor {pid}")


def _translate(pid: int, error: OSError) -> KdiagError:
    if not alive(pid):
        return TargetEndedError(pid)
    if isinstance(error, (FileNotFoundError, ConnectionError)):
        return gone(pid, "its door is closed")
    return _refused(pid, error.strerror or str(error))


def _is_private(folder: Path, uid: int) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return found.st_mode == _PRIVATE_FOLDER and found.st_uid == uid


def _somebody_listens(pid: int, name: str) -> bool:
    """Whether a listening socket was bound for that door: under a longer name, before the folder got its own."""
    try:
        lines = Path(f"/proc/{pid}/net/unix").read_text(errors="replace").splitlines()[1:]
    except OSError:
        return True
    fields = [line.split(maxsplit=7) for line in lines if f"/{name}-" in line]
    return any(int(each[3], 16) & _LISTENING for each in fields)


def _uid_inside(facts: ProcessFacts) -> int:
    """The target's user as the target sees it: another number in a user namespace of its own."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{facts.pid}/uid_map").read_text().splitlines():
            inside, outside, count = map(int, line.split())
            if outside <= facts.uid < outside + count:
                return inside + facts.uid - outside
    return facts.uid
