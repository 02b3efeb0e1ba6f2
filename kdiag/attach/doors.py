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
_A_FOLDER = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC


class Door:
    """The folder of a door and the folder above it, held open.

    What was checked is what is entered and removed, the path of the socket is short however deep it lies, and it can
    be reached when the target, through whose eyes it was found, has ended.
    """

    def __init__(self, path: Path, pid: int, uid: int) -> None:
        self._pid = pid
        self._uid = uid
        self._name = path.parent.name
        self._above = self._folder = -1
        try:
            self._above = os.open(path.parents[1], _A_FOLDER & ~os.O_NOFOLLOW)
            self._folder = os.open(self._name, _A_FOLDER, dir_fd=self._above)
            _check_folder(os.fstat(self._folder), pid, uid)
        except OSError as error:
            self.close()
            raise _translate(pid, error) from error
        except KdiagError:
            self.close()
            raise

    def enter(self) -> socket.socket:
        """Connect to the process that listens, which must be the target.

        Raises:
            KdiagError: `probe-refused`, `probe-gone`, `target-ended`.
        """
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(CONNECT_WITHIN_S)
            connection.connect(f"/proc/self/fd/{self._folder}/door")
            _check_peer(connection, self._pid, self._uid)
        except OSError as error:
            connection.close()
            raise _translate(self._pid, error) from error
        except KdiagError:
            connection.close()
            raise
        return connection

    def remove(self) -> None:
        """Remove it: nobody is behind it any more."""
        with contextlib.suppress(OSError):
            os.unlink("door", dir_fd=self._folder)
        with contextlib.suppress(OSError):
            os.rmdir(self._name, dir_fd=self._above)

    def close(self) -> None:
        """Give the descriptors back; more than once does no harm."""
        for descriptor in (self._folder, self._above):
            if descriptor >= 0:
                os.close(descriptor)
        self._folder = self._above = -1


def find_door(facts: ProcessFacts) -> Path | None:
    """The door of a process's probe, as we see it; None when there is none.

    One that nobody listens behind is of a dead process that had the same number, or of the program that this process
    ran before: it is removed. Nothing is connected to.
    """
    root = "" if hidden(facts.pid) else f"/proc/{facts.pid}/root"
    for parent in PARENTS:
        name = f".kdiag-{_uid_inside(facts)}-{facts.own_pid}"
        path = Path(f"{root}{parent}") / name / "door"
        if not path.parent.exists():
            continue
        with contextlib.suppress(KdiagError):
            door = Door(path, facts.pid, facts.uid)
            listens = _somebody_listens(facts.pid, name)
            if not listens:
                door.remove()
            door.close()
            if listens:
                return path
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


def alive(pid: int) -> bool:
    """Whether a process still runs; a zombie does not, nor one that is ending."""
    try:
        stat = read_stat(pid)
    except KdiagError:
        return False
    return stat.state not in {"Z", "X"} and not stat.ending


def gone(pid: int, cause: str) -> KdiagError:
    """The error for a probe that is there no more."""
    return KdiagError("probe-gone", f"there is no probe in process {pid} any more", cause=cause, hint="ask again")


def _check_folder(found: os.stat_result, pid: int, uid: int) -> None:
    if found.st_mode != _PRIVATE_FOLDER or found.st_uid != uid:
        raise _refused(pid, "its door is not in a private folder of its user")


def _check_peer(connection: socket.socket, pid: int, uid: int) -> None:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    peer_pid, peer_uid, _ = _CREDENTIALS.unpack(credentials)
    if (peer_pid, peer_uid) != (pid, uid):
        raise _refused(pid, f"behind its door is process {peer_pid} of user {peer_uid}")


def _refused(pid: int, cause: str) -> KdiagError:
    message = f"the probe in process {pid} is not to be talked to"
    return KdiagError("probe-refused", message, cause=cause, hint=f"kdiag doctor {pid}")


def _translate(pid: int, error: OSError) -> KdiagError:
    if not alive(pid):
        return TargetEndedError(pid)
    if isinstance(error, (FileNotFoundError, ConnectionError)):
        return gone(pid, "its door is closed")
    return _refused(pid, error.strerror or str(error))


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
