"""pystack as a second opinion: what it sees of a process, by way of a child that may crash in our place.

It is separate from `pystack_child`, the code of that child, and from its two users, the stacks and the collector.
"""

from __future__ import annotations

import select
import subprocess
import sys
from typing import Literal, Self

import msgspec

from kdiag.sources.tools import SourceError

_TIMEOUT_S = 20.0


class PystackThread(msgspec.Struct, frozen=True):
    """One thread as pystack sees it; frames are (file, line, function), innermost first."""

    tid: int
    name: str
    holds_gil: bool
    collecting: bool
    frames: tuple[tuple[str, int, str], ...]


class _Answer(msgspec.Struct):
    threads: tuple[PystackThread, ...] = ()
    error: str = ""


class Pystack:
    """A child that looks at one process; started with the first look, and anew after it crashed."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._child: subprocess.Popen[bytes] | None = None

    def look(self, what: Literal["stacks", "flags"]) -> tuple[PystackThread, ...]:
        """Look at all threads, without frames when only flags are wanted.

        Raises:
            SourceError: `pystack-failed`, `pystack-crashed`.
        """
        child = self._child = self._child or self._start()
        line = self._ask(child, what)
        if not line:
            self.close()
            raise SourceError("pystack-crashed", f"pystack ended with {child.returncode} while it looked.")
        try:
            answer = msgspec.json.decode(line, type=_Answer)
        except msgspec.DecodeError as error:  # a name that is no Unicode, read from memory that changed meanwhile
            answer = _Answer(error=str(error))
        if answer.error:
            raise SourceError("pystack-failed", f"pystack could not read the target: {answer.error}")
        return answer.threads

    def close(self) -> None:
        """End the child."""
        if self._child:
            self._child.kill()
            self._child.communicate()
            self._child = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "kdiag.sources.pystack_child", str(self._pid)]
        return subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def _ask(self, child: subprocess.Popen[bytes], what: str) -> bytes:
        """The answer's line; b"" when the child crashed or hangs."""
        if child.stdin is None or child.stdout is None:
            return b""
        try:
            child.stdin.write(what.encode() + b"\n")
            child.stdin.flush()
        except BrokenPipeError:
            return b""
        ready, _, _ = select.select([child.stdout], [], [], _TIMEOUT_S)
        return child.stdout.readline() if ready else b""
