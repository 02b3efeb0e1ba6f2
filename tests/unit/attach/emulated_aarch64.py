"""A thread of aarch64 that runs the block of code in an emulator; the kernel and the functions are played here.

Separate from the tests for its length, and because the kernel's layouts in it are written down a second time, by the
kernel's headers and not by the code that is tested.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import pytest
from unicorn import UC_ARCH_ARM64, UC_HOOK_CODE, UC_HOOK_INTR, UC_MODE_ARM, Uc
from unicorn import arm64_const as arm

from kdiag.attach.machine import FUNCTIONS, Call, fill
from kdiag.attach.machine.aarch64 import AArch64

CODE, LIBRARY, STACK, STACK_SIZE = 0x40_0000, 0x50_0000, 0x7F_0000, 0x1_0000
SP = STACK + STACK_SIZE - 0x800
SVC_AT = 0x1234_5678  # the instruction of the interrupted system call
PSTATE = 0x6000_0C00  # Z and C set; and a BTYPE, as right after a branch by register
STATE = 4_000_000
TEXT = 0x60_0000
FRAME = 32  # where the signal frame begins in what the code finds on the stack
MASK_AT, STACK_T_AT, REGISTERS_AT, RECORDS_AT = 168, 144, 312, 592  # within the kernel's rt_sigframe
OLD_MASK, USR1, TERM = 1 << 14, 1 << 9, 1 << 14  # SIGTERM is blocked before we come
SIGNALS = ~(1 << 3 | 1 << 4 | 1 << 6 | 1 << 7 | 1 << 10 | 7 << 30) & (1 << 64) - 1
FUTEX, EPOLL_PWAIT, CLOCK_NANOSLEEP, READ = 98, 22, 115, 63
EINTR = -4 & (1 << 64) - 1
X = [getattr(arm, f"UC_ARM64_REG_X{number}") for number in range(31)]
Q = [getattr(arm, f"UC_ARM64_REG_Q{number}") for number in range(32)]
CALL = Call(READ, tuple(0x9000 + number for number in range(6)), SP, SVC_AT + 4)


def general(*, call: Call | None = CALL, **known: int) -> bytes:
    """The kernel's register set of a thread, in a system call that is wound back unless told otherwise."""
    values = [0x9000 + number for number in range(31)] + [SP, SVC_AT, PSTATE]
    if call:
        values[8] = call.number
        values[:6] = call.arguments
    for name, value in known.items():
        values[{"sp": 31, "pc": 32, "pstate": 33}.get(name, int(name[1:]) if name[1:].isdigit() else 0)] = value
    return struct.pack("<34Q", *values)


def floating() -> bytes:
    """The kernel's set of vector registers: each a value of its own."""
    return b"".join((number * 0x0101_0101_0101 + 7).to_bytes(16, "little") for number in range(32)) + struct.pack(
        "<IIII", 0x10, 0x0100_0000, 0, 0
    )


LITERALS = {name: LIBRARY + 0x100 * number for number, name in enumerate(FUNCTIONS, 1)} | {"text": TEXT}
HANDLE = 0x7777_0000  # of the thread that "pthread_create" makes


@dataclass
class Emulator:
    """A thread that runs the block; the kernel and the functions are the test's.

    Attributes:
        calls: (function, arguments) in order, system calls as "rt_sigprocmask" and so on.
        results: what each function returns.
        pending: signals that wait for the thread at the end.
    """

    results: dict[str, int] = field(default_factory=dict)
    pending: int = 0
    calls: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    mask: int = OLD_MASK
    resumed: bool = False

    def __post_init__(self) -> None:
        self.uc = Uc(UC_ARCH_ARM64, UC_MODE_ARM)
        for at, size in ((CODE, 0x1000), (LIBRARY, 0x1000), (STACK, STACK_SIZE)):
            self.uc.mem_map(at, size)
        self.uc.mem_write(LIBRARY, struct.pack("<I", 0xD65F03C0) * 0x400)  # ret
        self.uc.reg_write(arm.UC_ARM64_REG_CPACR_EL1, 3 << 20)  # vector registers may be used
        self.uc.hook_add(UC_HOOK_INTR, self._system_call)
        self.uc.hook_add(UC_HOOK_CODE, self._function, begin=LIBRARY, end=LIBRARY + 0xFFF)

    def load(self, resume: int = 0, resume_interrupted: int = 0) -> None:
        block = fill(AArch64.code, {**LITERALS, "resume": resume, "resume_interrupted": resume_interrupted})
        self.uc.mem_write(CODE, block)

    def x(self, number: int) -> int:
        return int(self.uc.reg_read(X[number]))

    def run(self, at: int, back: int = 0) -> None:
        """Run until the thread is where the kernel sends it back to, or returns to `back`."""
        self.uc.emu_start(at, back or CODE + 0xFFC, count=2000)

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def arguments(self, name: str) -> tuple[int, ...]:
        (found,) = (arguments for called, arguments in self.calls if called == name)
        return found

    def scramble(self) -> None:
        """What a function may do: change every register that is the caller's to save, and all below the stack."""
        for number in (*range(1, 18),):
            self.uc.reg_write(X[number], 0xDEAD_0000 + number)
        for number in (*range(8), *range(16, 32)):
            self.uc.reg_write(Q[number], 0xDEAD << number)
        below = int(self.uc.reg_read(arm.UC_ARM64_REG_SP))
        self.uc.mem_write(below - 0x1000, b"\xdd" * 0x1000)

    def _function(self, _uc: Uc, address: int, _size: int, _data: object) -> None:
        names = [name for name, at in LITERALS.items() if at == address]
        assert names, hex(address)
        assert int(self.uc.reg_read(arm.UC_ARM64_REG_SP)) % 16 == 0
        arguments = tuple(self.x(number) for number in range(4))
        self.calls.append((names[0], arguments))
        self.scramble()
        if names[0] == "pthread_create" and not self.results.get("pthread_create"):
            self.uc.mem_write(arguments[0], struct.pack("<Q", HANDLE))
        self.uc.reg_write(X[0], self.results.get(names[0], 0))

    def _system_call(self, _uc: Uc, number: int, _data: object) -> None:
        assert number == 2  # svc
        a, b, c, size = (self.x(index) for index in range(4))
        match self.x(8):
            case 135:
                self.calls.append(("rt_sigprocmask", (a, b, c, size)))
                assert size == 8
                assert a == 0  # SIG_BLOCK
                if c:
                    self.uc.mem_write(c, struct.pack("<Q", self.mask))
                self.mask |= struct.unpack("<Q", self.uc.mem_read(b, 8))[0]
            case 132:
                self.calls.append(("sigaltstack", (a, b)))
                assert a == 0
                self.uc.mem_write(b, struct.pack("<QiiQ", 0xA000, 0, 0, 0x8000))
            case 136:
                self.calls.append(("rt_sigpending", (a, b)))
                self.uc.mem_write(a, struct.pack("<Q", self.pending))
            case 139:
                self._sigreturn()
                self.uc.emu_stop()
                return
            case other:
                pytest.fail(f"system call {other}")
        self.uc.reg_write(X[0], 0)

    def _sigreturn(self) -> None:
        """As the kernel does it: everything comes from the signal frame on the stack."""
        frame = int(self.uc.reg_read(arm.UC_ARM64_REG_SP))
        assert frame % 16 == 0

        def words(at: int, count: int) -> tuple[int, ...]:
            return struct.unpack(f"<{count}Q", self.uc.mem_read(frame + at, 8 * count))

        (self.mask,) = words(MASK_AT, 1)
        assert words(STACK_T_AT, 3) == (0xA000, 0, 0x8000)
        values = words(REGISTERS_AT, 34)
        record = bytes(self.uc.mem_read(frame + RECORDS_AT, 528 + 8))
        magic, size, fpsr, fpcr = struct.unpack_from("<IIII", record)
        assert (magic, size, record[528:]) == (0x46508001, 528, bytes(8))
        self.registers = struct.pack("<34Q", *values)
        self.vectors = record[16:528] + struct.pack("<IIII", fpsr, fpcr, 0, 0)
        self.state = struct.unpack("<Q", self.uc.mem_read(frame - FRAME, 8))[0]
        self.resumed = True


def borrow(emulator: Emulator, entry: int, registers: bytes, call: Call | None = CALL) -> None:
    """All that the tracer does, then what the thread does."""
    borrowed = AArch64().borrow(registers, floating(), CODE + entry, STATE, call)
    emulator.load(borrowed.resume, borrowed.resume_interrupted)
    emulator.uc.mem_write(borrowed.stack_at, borrowed.stack)
    values = struct.unpack("<34Q", borrowed.registers)
    for register, value in zip(X, values[:31], strict=True):
        emulator.uc.reg_write(register, value)
    emulator.uc.reg_write(arm.UC_ARM64_REG_SP, values[31])
    assert values[32] == CODE + entry
    assert values[33] == PSTATE & ~0xC00  # a branch is over once another instruction follows
    emulator.run(values[32])
    assert emulator.resumed
