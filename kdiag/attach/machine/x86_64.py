"""x86-64: its registers, its system calls, and the block of code of `x86_64.s` as bytes.

Layouts are those of the kernel's `user_regs_struct` (PTRACE_GETREGSET, NT_PRSTATUS).
"""

from __future__ import annotations

import struct

from kdiag.attach.machine import Borrowed, Call

_REGISTERS = (
    "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi", "orig_rax",
    "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs",
)  # fmt: skip
_LAYOUT = struct.Struct(f"<{len(_REGISTERS)}Q")
_SAVED = _REGISTERS[:15]  # in the order in which the code takes them back
_FRAME = struct.Struct(f"<QQQQQ{len(_SAVED)}QQQ")  # state, thread, mask, pending, call; registers, flags, rsp
_ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")
_RED_ZONE = 128
_ALIGNMENT = 16
_NONE = (1 << 64) - 1  # orig_rax of a thread that is in no system call
_SYSCALL_SIZE = 2

_EINTR = -4
_RESTART_IF_HANDLER_ALLOWS, _RESTART_ALWAYS, _RESTART_WITHOUT_HANDLER, _RESTART_BLOCK = -512, -513, -514, -516
_INTERRUPTED = {_EINTR, _RESTART_IF_HANDLER_ALLOWS, _RESTART_ALWAYS, _RESTART_WITHOUT_HANDLER, _RESTART_BLOCK}

_CODE = bytes(80) + bytes.fromhex(
    "4c8d3560010000eb27000000000000004c8d3528010000eb1700000000000000e97201000000000027fbff3ffeffffff4889e5fc"
    "b80d00000031c90fa24829dc4883e4c04989e431c0498dbc2400020000b908000000f348abb8ffffffffbaffffffff490fae2424"
    "b80e00000031ff488d35b2ffffff488d551041ba080000000f0541ffd64189c5837d2000743448c7451800000000b87f00000048"
    "8d7d18be080000000f05488b451048f7d048234518740fc745200200000048c74578fcffffffb8ffffffffbaffffffff490fae2c"
    "24b80e000000bf02000000488d751031d241ba080000000f0531c04585ed0f95c0ffc048014500837d2002488d6528741f415f41"
    "5e415d415c5d5b415b415a4159415858595a5e5f9d5cff25d0feffff415f415e415d415c5d5b415b415a4159415858595a5e5f9d"
    "5cff25b9feffff4883ec08488d3d0d00000031f6ff158efeffff4883c408c34883ec08e80700000031c04883c408c34883ec1848"
    "8d7c240831f6488d151e00000031c9ff152ffeffff85c0750d488b7c2408ff1528feffff31c04883c418c353b80e00000031ff48"
    "8d3582feffff31d241ba080000000f05ff150afeffff85c0741fff1508feffff89c3488b3d1ffeffff31f6ff15fffdffff89dfff"
    "15fffdffff31c05bc3"
)


class X86_64:  # noqa: N801 - its name
    """The machine x86-64."""

    name = "x86-64"
    code = _CODE
    # read, poll, select, nanosleep, pause, accept, connect, recvfrom, recvmsg, wait4, epoll_wait, clock_nanosleep,
    # waitid, pselect6, ppoll, epoll_pwait, accept4, epoll_pwait2
    parking = frozenset({0, 7, 23, 35, 34, 43, 42, 45, 47, 61, 232, 230, 247, 270, 271, 281, 288, 441})
    futexes = frozenset({202, 449})
    vectors: int | None = None

    def refusal(self, features: frozenset[str], *, running: bool) -> str | None:  # noqa: ARG002 - no difference here
        """The code saves the vector registers by an instruction that x86-64 has had since 2008."""
        return None if "xsave" in features else "it has no xsave"

    def stands_in(self, call: Call, registers: bytes) -> bool:
        """Whether a stopped thread stands in a call, interrupted and not yet given a result."""
        values = _read(registers)
        if values["orig_rax"] == _NONE or _signed(values["rax"]) not in _INTERRUPTED:
            return False
        arguments = tuple(values[name] for name in _ARGUMENTS)
        return call == Call(values["orig_rax"], arguments, values["rsp"], values["rip"])

    def program_counter(self, registers: bytes) -> int:
        """The instruction pointer."""
        return _read(registers)["rip"]

    def stack_pointer(self, registers: bytes) -> int:
        """The stack pointer."""
        return _read(registers)["rsp"]

    def thread_pointer(self, registers: bytes) -> int | None:
        """The base of the segment fs, by which thread-local data are reached."""
        return _read(registers)["fs_base"]

    def borrow(
        self,
        registers: bytes,
        vectors: bytes,  # noqa: ARG002 - saved by the code
        entry: int,
        state: int,
        call: Call | None,  # noqa: ARG002 - the registers tell
    ) -> Borrowed:
        """Lay the frame below the red zone and send the thread to `entry`.

        A thread in a system call goes back to make it again (the kernel's own rules, for which it is not in one any
        more), or is told EINTR: where the kernel keeps the rest of a time limit aside, because that was overwritten,
        and CPython makes the call anew by itself (PEP 475).
        """
        values = _read(registers)
        result, again = values["rax"], values["rip"]
        may_be_interrupted = 0
        if values["orig_rax"] != _NONE:
            code = _signed(result)
            if code == _RESTART_BLOCK:
                result = _unsigned(_EINTR)
            elif code in {_RESTART_IF_HANDLER_ALLOWS, _RESTART_ALWAYS, _RESTART_WITHOUT_HANDLER}:
                result, again = values["orig_rax"], values["rip"] - _SYSCALL_SIZE
                may_be_interrupted = int(code != _RESTART_ALWAYS)
        at = (values["rsp"] - _RED_ZONE - _FRAME.size) // _ALIGNMENT * _ALIGNMENT
        saved = [values[name] for name in _SAVED]
        saved[_SAVED.index("rax")] = result
        stack = _FRAME.pack(state, 0, 0, 0, may_be_interrupted, *saved, values["eflags"], values["rsp"])
        borrowed = {**values, "rip": entry, "rsp": at, "orig_rax": _NONE}
        return Borrowed(_LAYOUT.pack(*borrowed.values()), stack, at, again, values["rip"])


def _read(registers: bytes) -> dict[str, int]:
    return dict(zip(_REGISTERS, _LAYOUT.unpack(registers), strict=True))


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _unsigned(value: int) -> int:
    return value & _NONE
