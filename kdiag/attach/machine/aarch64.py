"""aarch64: its registers, its system calls, and the block of code of `aarch64.s` as bytes.

Never run on real hardware: the layouts are those of the kernel's sources (`user_pt_regs`, `user_fpsimd_state`, and
`rt_sigframe` with what it holds), and the code was only emulated. The kernel differs from x86-64 in what a tracer
sees: before the thread stops, a system call that is to be made again is already wound back to its instruction, with its
first argument in place, and why it was interrupted is not told any more (`arch/arm64/kernel/signal.c`, do_signal).
"""

from __future__ import annotations

import struct

from kdiag.attach.machine import Borrowed, Call

_GENERAL = struct.Struct("<31QQQQ")  # x0 to x30, sp, pc, pstate
_SP, _PC, _PSTATE = 31, 32, 33
_FLOATING = struct.Struct("<512sII8x")  # v0 to v31, fpsr, fpcr
_NT_PRFPREG = 2
_SYSCALL_NUMBER = 8  # x8
_ARGUMENTS = 6  # x0 to x5
_SYSCALL_SIZE = 4
_BRANCH_TYPE = 3 << 10  # of pstate: how the last branch was made, which decides where it may lead (BTI)

# rt_sigframe: siginfo; uc_flags, uc_link, uc_stack, uc_sigmask with room to grow; fault address, registers; then
# records, of which the floating point registers are one, and one of size zero the end.
_HEADER = struct.Struct("<QQQQ")  # state, thread, pending, call
_BEFORE_REGISTERS = struct.Struct("<128xQQ24xQ120x8xQ")
_RECORDS_AT = 592
_FLOATING_RECORD = struct.Struct("<IIII512s")
_FLOATING_MAGIC = 0x46508001
_END = bytes(16)
_ALIGNMENT = 16

_EINTR = -4
_NANOSLEEP, _CLOCK_NANOSLEEP, _FUTEX = 101, 115, 98
_TIMER_ABSTIME = 1
_FUTEX_COMMAND, _FUTEX_WAIT = 0x7F, 0

_CODE = bytes(80) + bytes.fromhex(
    "340800100b0000140000000000000000b40500100700001400000000000000005f2403d54800001427fbff3ffefffffff3030091"
    "000080d281ffff1062220391030180d2e81080d2010000d4000080d261c20291881080d2010000d480023fd6f503002a691a40b9"
    "c90100347f0a00f960420091010180d2081180d2010000d4690a40f96a6640f929012a8aa90000b449fbff58692e01f969008092"
    "69ae00f9bf020071e9079f9a290500916a0240f94a01098b6a0200f97f820091681180d2010000d45f2403d5fd7bbfa9fd030091"
    "c0000010010080d249f8ff5820013fd6fd7bc1a8c0035fd65f2403d5fd7bbfa9fd0300910400009400008052fd7bc1a8c0035fd6"
    "5f2403d5fd7bbea9fd030091e0430091010080d242f8ff10030080d289f4ff5820013fd6a0000035e00b40f949f4ff5820013fd6"
    "00008052fd7bc2a8c0035fd6fd7bbea9fd030091f30b00f9000080d2a1f6ff10020080d2030180d2e81080d2010000d4c9f2ff58"
    "20013fd660010034a9f2ff5820013fd6f303002a40f3ff58010080d249f2ff5820013fd6e003132a29f2ff5820013fd6000080d2"
    "f30b40f9fd7bc2a8c0035fd6"
)


class AArch64:
    """The machine aarch64."""

    name = "aarch64"
    code = _CODE
    # epoll_pwait, read, pselect6, ppoll, waitid, nanosleep, clock_nanosleep, accept, connect, recvfrom, recvmsg,
    # accept4, wait4, epoll_pwait2
    parking = frozenset({22, 63, 72, 73, 95, 101, 115, 202, 203, 207, 212, 242, 260, 441})
    futexes = frozenset({_FUTEX, 449})
    vectors: int | None = _NT_PRFPREG

    def refusal(self, features: frozenset[str], *, running: bool) -> str | None:
        """Going back restores no wider vector registers (none are live in a system call), and no shadow stack."""
        if "gcs" in features:
            return "it may keep a shadow stack (GCS), which is not supported"
        if running and features & {"sve", "sme"}:
            return "the thread was running, and its wide vector registers (SVE) could not be restored"
        return None

    def stands_in(self, call: Call, registers: bytes) -> bool:
        """Whether a stopped thread stands in a call: wound back to make it again, or with the result EINTR."""
        values = _GENERAL.unpack(registers)
        if (values[_SYSCALL_NUMBER], values[_SP]) != (call.number, call.stack_pointer):
            return False
        if _is_wound_back(values, call):
            return values[:_ARGUMENTS] == call.arguments
        interrupted = values[_PC] == call.program_counter and values[0] == _unsigned(_EINTR)
        return interrupted and values[1:_ARGUMENTS] == call.arguments[1:]

    def program_counter(self, registers: bytes) -> int:
        """The program counter."""
        return int(_GENERAL.unpack(registers)[_PC])

    def stack_pointer(self, registers: bytes) -> int:
        """The stack pointer."""
        return int(_GENERAL.unpack(registers)[_SP])

    def thread_pointer(self, registers: bytes) -> int | None:  # noqa: ARG002
        """Not known: it is in a register set of its own."""
        return None

    def borrow(self, registers: bytes, vectors: bytes, entry: int, state: int, call: Call | None) -> Borrowed:
        """Lay a signal frame on the stack, as if a handler had interrupted the thread, and send it to `entry`.

        A thread in a system call makes it again. It is told EINTR when a signal came meanwhile, and also where that
        would make it wait for its whole time again: CPython makes the call anew by itself (PEP 475).
        """
        values = _GENERAL.unpack(registers)
        saved = list(values)
        after, may_be_interrupted = values[_PC], 0
        if call and _is_wound_back(values, call):
            after = call.program_counter
            may_be_interrupted = 1
            if _waits_relatively(call):
                saved[_PC], saved[0], may_be_interrupted = after, _unsigned(_EINTR), 0
        frame = _frame(saved, vectors)
        at = (values[_SP] - _HEADER.size - len(frame)) // _ALIGNMENT * _ALIGNMENT
        there = list(values)
        there[_SP], there[_PC], there[_PSTATE] = at, entry, values[_PSTATE] & ~_BRANCH_TYPE
        stack = _HEADER.pack(state, 0, 0, may_be_interrupted) + frame
        return Borrowed(_GENERAL.pack(*there), stack, at, saved[_PC], after)


def _frame(registers: list[int], vectors: bytes) -> bytes:
    """The signal frame; the code itself puts the signal mask and the alternate stack into it."""
    vector_registers, status, control = _FLOATING.unpack(vectors)
    general = _BEFORE_REGISTERS.pack(0, 0, 0, 0) + _GENERAL.pack(*registers)
    floating = _FLOATING_RECORD.pack(_FLOATING_MAGIC, _FLOATING_RECORD.size, status, control, vector_registers)
    return general.ljust(_RECORDS_AT, b"\0") + floating + _END


def _is_wound_back(values: tuple[int, ...], call: Call) -> bool:
    return values[_PC] == call.program_counter - _SYSCALL_SIZE


def _waits_relatively(call: Call) -> bool:
    """Whether a call would wait for its whole time again; the kernel keeps the rest aside, where we cannot get it."""
    if call.number == _CLOCK_NANOSLEEP:
        return not call.arguments[1] & _TIMER_ABSTIME
    if call.number == _FUTEX:
        return call.arguments[1] & _FUTEX_COMMAND == _FUTEX_WAIT and call.arguments[3] != 0
    return call.number == _NANOSLEEP


def _unsigned(value: int) -> int:
    return value & (1 << 64) - 1
