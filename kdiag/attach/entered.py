"""What is left to do once a thread of ours is on its way in a process: see that it started, and tidy up behind it.

It is separate from `entry`, which gets it there: this is the part that must know what may not be touched any more.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeVar

from kdiag.attach.machine import Machine
from kdiag.attach.memory import POINTER_SIZE, TargetMemory
from kdiag.attach.ptrace import NotNowError, StoppedThread

if TYPE_CHECKING:
    from collections.abc import Callable

Progress = Literal["borrowed", "started", "refused"]
Result = TypeVar("Result")


@dataclass
class Entry:
    """Our thread is started, or will be. What is left to do: see that it was, and wipe the block.

    Attributes:
        pid: the process.
        tid: the thread that was borrowed.
        pause_s: for how long that thread stood still.
        way: what it was asked to do.
    """

    pid: int
    tid: int
    way: Literal["parked", "pending"]
    pause_s: float
    _machine: Machine
    _blocks: tuple[tuple[int, int], ...]  # to be wiped: address, size
    _text_at: int
    _stack_at: int
    _state: int
    wiped: bool = field(default=False, init=False)

    def progress(self) -> Progress:
        """How far the borrowed thread is; its stack is its own again when it is through.

        Raises:
            KdiagError: `target-ended`.
        """
        with TargetMemory(self.pid) as memory:
            state = int.from_bytes(memory.read(self._stack_at, POINTER_SIZE), "little")
        if state == self._state:
            return "borrowed"
        return "refused" if state == self._state + 2 else "started"

    def wipe(self) -> bool:
        """Make the padding zero again; only when our thread has ended. Returns whether it could be done.

        The borrowed thread must be out of the block: that is looked at while it is stopped.
        """
        if not self.wiped and self.progress() != "borrowed":
            self.wiped = in_own_thread(self._wipe)
        return self.wiped

    def disarm(self) -> None:
        """Let our thread do nothing when it comes late: it finds an empty text.

        The code stays, for it may still come.
        """
        in_own_thread(self._disarm)

    def _disarm(self) -> bool:
        for tid in dict.fromkeys((self.tid, self.pid)):
            with contextlib.suppress(NotNowError, OSError), StoppedThread(tid) as thread:
                thread.write(self._text_at, bytes(POINTER_SIZE))
                return True
        return False

    def _wipe(self) -> bool:
        for tid in dict.fromkeys((self.tid, self.pid)):
            try:
                with StoppedThread(tid) as thread:
                    at = self._machine.program_counter(thread.registers())
                    if any(start <= at < start + size for start, size in self._blocks):
                        return False
                    for start, size in self._blocks:
                        thread.write(start, bytes(size))
                    return True
            except (NotNowError, OSError):
                continue
        return False


def in_own_thread(function: Callable[[], Result]) -> Result:
    """Run a function in a thread of its own: when that ends, the kernel lets go of all that it traces."""
    outcome: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="kdiag-attach")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return outcome[0]
