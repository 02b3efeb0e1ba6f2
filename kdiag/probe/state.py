"""Where records of crashes are kept: a folder of one user, small whatever happens.

Separate from `fatal_signals` and `postmortem`, which say what is written.

- `$XDG_STATE_HOME/kdiag` where that is set, else a folder in one of the shared ones, mode 0700 and checked to be ours.
- Of files for fatal signals the newest stay.
- A process holds a lock on its file for fatal signals, from before the file has its name. One that is not locked and
  holds no more than its first line is of a process that was killed; whoever comes or goes next removes it, and the
  folder once it is empty.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FATAL = "fatal-"
_UNNAMED = "new-"
MOST_FATAL = 32
LONGEST_TEXT = 200
SHARED = ("/var/tmp", "/tmp", "/dev/shm")  # noqa: S108 - for a folder of mode 0700
_HIGHEST = 1023  # a service that closes all descriptors and opens others gets low numbers
_PLACES = 8
_TRIES = 5
_UNNAMED_S = 60.0  # it lasts microseconds


class FatalFile:
    """A file that faulthandler can write to; its first line says whose it is."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        name = f"{os.getpid()}-{os.urandom(4).hex()}.txt"
        self.path = f"{folder}/{_UNNAMED}{name}"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self.descriptor = _moved_up(os.open(self.path, flags, 0o600))
        self._identity = identity(self.descriptor)
        self._uid = os.geteuid()
        self._first_line = " ".join(map(str, who())).encode(errors="replace") + b"\n"
        try:
            os.lockf(self.descriptor, os.F_TLOCK, 0)  # the process's own: no child inherits it
            os.write(self.descriptor, self._first_line)
            os.rename(self.path, f"{folder}/{FATAL}{name}")
        except OSError:
            self.remove()
            raise
        self.path = f"{folder}/{FATAL}{name}"

    @property
    def intact(self) -> bool:
        """Whether the number still stands for it, and the process is still the same user's."""
        return identity(self.descriptor) == self._identity and self._uid == os.geteuid()

    def remove(self) -> None:
        """Remove it, and let go of it; what a fatal signal has just begun to write stays."""
        try:
            if not self._written_to:
                os.unlink(self.path)
        except OSError:  # the process has become another user's, or somebody has tidied up
            pass
        self.close()

    @property
    def _written_to(self) -> bool:
        """Whether it holds more than our line: other threads go on for a moment while the process dies."""
        return self.intact and os.fstat(self.descriptor).st_size > len(self._first_line)

    def close(self) -> None:
        """Let go of it, unless the number is somebody else's by now."""
        if identity(self.descriptor) == self._identity:
            os.close(self.descriptor)


def in_state_folder(use: Callable[[str], Any]) -> Any:
    """Call `use` with the folder; where another process has swept that away meanwhile, with a new one.

    Raises:
        OSError: there can be none, or it cannot be used.
    """
    for _ in range(_TRIES):
        try:
            return use(state_folder())
        except FileNotFoundError:
            continue
    return use(state_folder())


def who() -> tuple[int, int, str, str]:
    """Pid, parent, version and program of this process. Of the command only the program: arguments hold secrets."""
    program = str((getattr(sys, "argv", None) or [""])[0])[:LONGEST_TEXT].replace("\n", " ")
    return os.getpid(), os.getppid(), ".".join(map(str, sys.version_info[:3])), program


def state_folder() -> str:
    """Return the folder for this user's records, and make it if need be.

    Raises:
        OSError: there can be none.
    """
    chosen = os.environ.get("XDG_STATE_HOME", "")
    folders = [f"{chosen}/kdiag"] if chosen.startswith("/") else []
    for folder in (*folders, *(f"{parent}/.kdiag-{os.geteuid()}-crashes" for parent in SHARED)):
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            pass
        except OSError:
            continue
        found = os.lstat(folder)
        if found.st_uid == os.geteuid() and found.st_mode & 0o170077 == 0o040000:
            return folder
    raise FileNotFoundError("no folder for records of crashes can be had")


def sweep(folder: str) -> None:
    """Remove what killed processes left without a crash, the oldest of what is too much, and an empty folder."""
    try:
        paths = [f"{folder}/{name}" for name in os.listdir(folder) if name.startswith(FATAL)]
        crashed = [path for path in paths if _holds_a_crash(path)]
        for path in sorted(crashed, key=_written_at)[:-MOST_FATAL]:
            os.unlink(path)
        for path in [f"{folder}/{name}" for name in os.listdir(folder) if name.startswith(_UNNAMED)]:
            if time.time() - _written_at(path) > _UNNAMED_S:
                os.unlink(path)
        os.rmdir(folder)
    except OSError:  # it is not empty, as a rule; or somebody else does the same
        pass


def _holds_a_crash(path: str) -> bool:
    """Whether a file for fatal signals is one of a crash; one of a process that has ended otherwise is removed.

    Not to be asked about the calling process's own: its lock would be gone.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # gone meanwhile
        return False
    try:
        os.lockf(descriptor, os.F_TLOCK, 0)
        if os.read(descriptor, 4096).count(b"\n") > 1:
            return True
        os.unlink(path)
    except OSError:  # its process lives
        pass
    finally:
        os.close(descriptor)
    return False


def _written_at(path: str) -> float:
    return os.lstat(path).st_mtime


def _moved_up(descriptor: int) -> int:
    """The same file under a high number, where one is free."""
    highest = min(os.sysconf("SC_OPEN_MAX") - 1, _HIGHEST)
    for number in range(highest, highest - _PLACES, -1):
        if identity(number) is None:
            os.dup2(descriptor, number, inheritable=False)
            os.close(descriptor)
            return number
    return descriptor


def identity(descriptor: int) -> tuple[int, int] | None:
    """What a descriptor stands for; None for nothing."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino
