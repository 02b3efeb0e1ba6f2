"""The file with the script that a process is asked to run, in the file system that the process itself sees.

It is separate because it is the one thing that is ever laid down on a disk for attaching: a new folder of mode 0700
that belongs to the target's user, and in it one file, both gone as soon as the script runs. Every step goes from a
directory that is held open, so that no link can lead it elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Self

from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from kdiag.attach.process import ProcessFacts

PLACES = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - a folder of our own in the first that can be written to
_NAME = "script.py"
_BODY = Path(__file__).with_name("script.py")  # runs over there, so it is not imported here
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class ScriptFile:
    """A script in the root of a process.

    Attributes:
        path: where the process itself sees it, once it is written.

    Raises:
        KdiagError: on construction: `no-folder-for-script`: the process sees no place that can be written to.
    """

    def __init__(self, facts: ProcessFacts) -> None:
        self._uid = facts.uid
        self._own_pid = facts.own_pid
        self._name = f".kdiag-script-{facts.pid}-{secrets.token_hex(8)}"
        self._place, place = _open_place(facts.pid)
        self.path = f"{place}/{self._name}/{_NAME}"

    def write(self, text: bytes) -> str:
        """Write the script that runs a text of Python, and return its path."""
        os.mkdir(self._name, 0o700, dir_fd=self._place)
        folder = os.open(self._name, _FOLDER, dir_fd=self._place)
        try:
            file = os.open(_NAME, _NEW_FILE, 0o600, dir_fd=folder)
            with os.fdopen(file, "wb") as stream:
                stream.write(script(self.path, self._own_pid, text))
                self._give(stream.fileno())
            self._give(folder)
        finally:
            os.close(folder)
        return self.path

    def gone(self) -> bool:
        """Whether the script has run: then it has removed itself, and maybe its folder."""
        try:
            os.stat(f"{self._name}/{_NAME}", dir_fd=self._place, follow_symlinks=False)
        except OSError:
            return True
        return False

    def remove(self) -> bool:
        """Remove what is there; False when the script was gone already, that is, has run.

        Whoever removes the script decides: after us it does not run any more, though it may have been read.
        """
        there = True
        try:
            folder = os.open(self._name, _FOLDER, dir_fd=self._place)
        except OSError:
            return False
        try:
            os.unlink(_NAME, dir_fd=folder)
        except FileNotFoundError:
            there = False
        finally:
            os.close(folder)
        with contextlib.suppress(OSError):
            os.rmdir(self._name, dir_fd=self._place)
        return there

    def close(self) -> None:
        """Let go of the place, whatever is in it."""
        os.close(self._place)

    def _give(self, descriptor: int) -> None:
        if self._uid != os.geteuid():
            os.fchown(descriptor, self._uid, -1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def script(path: str, pid: int, text: bytes) -> bytes:
    """The script that removes itself from a path and runs a text of Python, both on a thread of its own.

    Only in the process that has this number to itself.
    """
    return f"SCRIPT = {path!r}\nPID = {pid}\nTEXT = {text!r}\n{_BODY.read_text(encoding='utf-8')}".encode()


def _open_place(pid: int) -> tuple[int, str]:
    """An open descriptor of the first place in which a folder can be made, and its path for the process."""
    for place in PLACES:
        try:
            descriptor = _open_below(f"/proc/{pid}/root", place)
        except OSError:
            continue
        if os.access(".", os.W_OK | os.X_OK, dir_fd=descriptor, effective_ids=True):
            return descriptor, place
        os.close(descriptor)
    message = f"process {pid} sees no folder that a script for it can be written to"
    cause = f"it was looked for in {', '.join(PLACES)}"
    raise KdiagError("no-folder-for-script", message, cause=cause, hint=f"kdiag diagnose --attach ptrace {pid}")


def _open_below(root: str, place: str) -> int:
    """Open a folder below a root; a link on the way, which would lead out of the root, is not followed."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for part in Path(place).parts[1:]:
        above = descriptor
        try:
            descriptor = os.open(part, _FOLDER, dir_fd=above)
        finally:
            os.close(above)
    return descriptor
