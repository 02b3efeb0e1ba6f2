"""What the crash hooks inside the target told: exceptions by fingerprint, and what was None where one met a None.

Separate from the other samples of the probe: these are facts of tracebacks, which nothing else has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kdiag.core.model.samples import Frame

CrashKind = Literal["nil", "mutation", "other"]
NilUse = Literal["attribute", "call", "subscript", "iteration", "operation", "with", "await", "unpack"]
Span = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class CrashFrame:
    """One frame of an exception's traceback.

    Attributes:
        first: the line at which the function begins, its decorators included.
        span: line, end line, column, end column (bytes) of the instruction; None before 3.11.
        none: local variables that were None; empty in the outer frames, where nobody looked.
    """

    file: str
    line: int
    function: str
    first: int = 0
    span: Span | None = None
    none: tuple[str, ...] = ()

    @property
    def frame(self) -> Frame:
        """The same as a frame of a stack."""
        return Frame(self.file, self.line, self.function)


@dataclass(frozen=True, slots=True)
class ClassPlace:
    """A class: its qualified name with the module, its file and first line ("" and 0 where they are not known)."""

    name: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class NilUsed:
    """What the bytecode says was None.

    Attributes:
        chain: a variable, and the attributes from there on: ("self", "node").
        attribute: what was looked up on the None; "" where it was used in another way.
        stored_at: the line of the last store of a plain variable before; 0 where there is none.
        argument: whether the variable is an argument that was never stored to.
        owner: the class of the object whose attribute was None; None for a plain variable.
    """

    chain: tuple[str, ...]
    how: NilUse
    attribute: str = ""
    stored_at: int = 0
    argument: bool = False
    owner: ClassPlace | None = None


@dataclass(frozen=True, slots=True)
class CrashGroup:
    """Exceptions of one fingerprint: one type, raised at one place.

    Attributes:
        number: identity of the fingerprint, the same in all samples.
        message: of one of them; "" unless it is about a None or a changed container: others may hold data.
        count, ended, by: of the exceptions since the sample before: all, those that ended a thread, a task or the
            process, and all by the hook that told of them. One that was seen when it was raised goes over to the hook
            that tells of it later: then the one number is negative.
        frames: of one of them, innermost first.
        used: what was None, where the bytecode tells it.
    """

    number: int
    type: str
    message: str
    kind: CrashKind
    count: int
    ended: int
    first_at: float
    last_at: float
    by: Mapping[str, int]
    loggers: tuple[str, ...]
    threads: tuple[str, ...]
    frames: tuple[CrashFrame, ...]
    used: NilUsed | None = None


@dataclass(frozen=True, slots=True)
class CrashAccount:
    """What the hooks told since the sample before.

    Attributes:
        hooks: those that are in place.
        raises: whether exceptions that the code swallows are seen, too.
        dropped: what did not fit into the hooks' memory.
    """

    hooks: tuple[str, ...] = ()
    raises: bool = False
    groups: tuple[CrashGroup, ...] = ()
    dropped: int = 0
