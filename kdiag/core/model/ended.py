"""A process that a crash has ended, as the record that it left tells it.

Separate from the samples of a window: nobody was watching, and the process is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kdiag.core.model.crashes import CrashGroup
from kdiag.core.model.samples import Frame


@dataclass(frozen=True, slots=True)
class EndedThread:
    """One thread when a fatal signal came; `ident` is hexadecimal, as faulthandler writes it."""

    ident: str
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of one process: by an exception that nobody caught, or by a fatal signal.

    Attributes:
        program: the script or "-c"; arguments are not recorded, since they may hold secrets.
        uncaught: the type of the exception that ended it; "" for a signal.
        crash: the exception that it came of, mostly the same; None for a signal.
        signal: "SIGSEGV" and the like; "" for an exception.
        threads: the stacks at a fatal signal, that of the thread that it hit first; empty for an exception.
        file: the record that says so.
    """

    at: datetime
    pid: int
    parent: int
    python: str
    program: str
    file: str
    uncaught: str = ""
    crash: CrashGroup | None = None
    signal: str = ""
    threads: tuple[EndedThread, ...] = ()

    @property
    def frames(self) -> tuple[Frame, ...]:
        """Where it crashed, innermost first."""
        if self.crash is not None:
            return tuple(each.frame for each in self.crash.frames)
        return self.threads[0].frames if self.threads else ()
