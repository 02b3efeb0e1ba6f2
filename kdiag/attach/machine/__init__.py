"""What a thread that we borrow runs, and how its registers are set for it: one module for each processor.

It is separate because everything else about getting in is the same on all of them. All modules are pure: bytes in,
bytes out. A `Machine` is a block of machine code with literals that the host fills in, and the knowledge of where in
the kernel's register sets the program counter and its kin stand.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Protocol

from kdiag.errors import KdiagError

# The literals at the start of every block, eight bytes each, and the entries behind them.
_LITERALS = (
    "pthread_create", "pthread_detach", "is_initialized", "ensure", "run", "release", "add_pending_call", "text",
    "resume", "resume_interrupted",
)  # fmt: skip
SPAWN = 80  # for a borrowed thread: start a thread of our own, and go back
PEND = 96  # for the main thread, at any instruction: start it at the next safe point
THREAD = 112  # where our own thread starts

FUNCTIONS = {
    "pthread_create": "pthread_create",
    "pthread_detach": "pthread_detach",
    "is_initialized": "Py_IsInitialized",
    "ensure": "PyGILState_Ensure",
    "run": "PyRun_SimpleStringFlags",
    "release": "PyGILState_Release",
    "add_pending_call": "Py_AddPendingCall",
}
"""The symbol behind each literal that is a function."""


@dataclass(frozen=True, slots=True)
class Call:
    """The system call in which a thread waits: its number, its arguments as the kernel was given them, and whence."""

    number: int
    arguments: tuple[int, ...]
    stack_pointer: int
    program_counter: int


@dataclass(frozen=True, slots=True)
class Borrowed:
    """What turns a stopped thread into a borrowed one; until all of it is written, nothing has happened.

    Attributes:
        registers: its general registers while it is borrowed.
        stack: what the code finds at `stack_at`, below all that the thread itself has on its stack. Eight bytes that
            tell how far it is come first: as given, + 1 when it worked, + 2 when it was refused.
        resume, resume_interrupted: where it goes on; the second one when a signal came while it was borrowed.
    """

    registers: bytes
    stack: bytes
    stack_at: int
    resume: int
    resume_interrupted: int


class Machine(Protocol):
    """One processor.

    Attributes:
        name: as ELF files name it.
        code: the block, its literals empty.
        parking: numbers of the system calls in which a thread waits for something outside, no lock of libc held.
        futexes: numbers of the system calls that wait for a lock.
        vectors: the register set that the tracer must save, besides the general one; None when the code does.
    """

    name: str
    code: bytes
    parking: frozenset[int]
    futexes: frozenset[int]
    vectors: int | None

    def refusal(self, features: frozenset[str], *, running: bool) -> str | None:
        """Why no thread can be borrowed, or none that was running, on a processor with these features; None: it can.

        The features are named as `/proc/cpuinfo` names them.
        """

    def stands_in(self, call: Call, registers: bytes) -> bool:
        """Whether a stopped thread still stands in the system call in which it was seen waiting."""

    def program_counter(self, registers: bytes) -> int:
        """Where a stopped thread stands."""

    def stack_pointer(self, registers: bytes) -> int:
        """How far a stopped thread's stack reaches."""

    def thread_pointer(self, registers: bytes) -> int | None:
        """Where the C library keeps a stopped thread's own data; None where its registers do not tell."""

    def borrow(self, registers: bytes, vectors: bytes, entry: int, state: int, call: Call | None) -> Borrowed:
        """Send a stopped thread to an entry of the block.

        Args:
            registers: its general registers as the kernel gave them.
            vectors: the register set `vectors`, empty when there is none.
            entry: the address of SPAWN or PEND.
            state: the first eight bytes of what the code finds on the stack.
            call: the system call in which it stands; None when it was running.
        """


def fill(code: bytes, literals: dict[str, int]) -> bytes:
    """The block with its literals filled in; all must be given."""
    return struct.pack(f"<{len(_LITERALS)}Q", *(literals[name] for name in _LITERALS)) + code[8 * len(_LITERALS) :]


def machine_of(name: str) -> Machine:
    """The machine of an ELF file's processor.

    Raises:
        KdiagError: `unsupported-processor`.
    """
    if name == "x86-64":
        from kdiag.attach.machine.x86_64 import X86_64  # noqa: PLC0415 - only the one that runs here

        return X86_64()
    if name == "aarch64":
        from kdiag.attach.machine.aarch64 import AArch64  # noqa: PLC0415

        return AArch64()
    message = f"kdiag cannot enter processes on this processor ({name})"
    hint = "start the service with `kdiag run`, or diagnose it from outside: kdiag diagnose --attach none"
    raise KdiagError("unsupported-processor", message, hint=hint)
