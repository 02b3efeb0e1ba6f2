"""The block of code for aarch64, run by an emulator: no such processor is needed, and none was ever used."""

from __future__ import annotations

import shutil
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from unicorn import UC_ARCH_ARM64, UC_HOOK_CODE, UC_HOOK_INTR, UC_MODE_ARM, Uc
from unicorn import arm64_const as arm

from kdiag.attach import machine
from kdiag.attach.machine import FUNCTIONS, PEND, SPAWN, THREAD, Call, fill, machine_of
from kdiag.attach.machine.aarch64 import AArch64

SOURCE = Path(machine.__file__).with_name("aarch64.s")
ASSEMBLER, OBJCOPY = "aarch64-linux-gnu-as", "aarch64-linux-gnu-objcopy"

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


def test_the_bytes_are_those_of_the_source(tmp_path: Path) -> None:
    if not shutil.which(ASSEMBLER) or not shutil.which(OBJCOPY):
        pytest.skip(f"needs {ASSEMBLER} (Debian: apt install binutils-aarch64-linux-gnu)")
    subprocess.run([ASSEMBLER, "-o", tmp_path / "block.o", SOURCE], check=True)
    subprocess.run([OBJCOPY, "-O", "binary", "-j", ".text", tmp_path / "block.o", tmp_path / "block"], check=True)
    assert (tmp_path / "block").read_bytes() == AArch64.code


def test_it_is_the_machine_of_aarch64() -> None:
    found = machine_of("aarch64")
    assert found.name == "aarch64"
    assert len(found.code) < 640
    assert found.code[:SPAWN] == bytes(SPAWN)


def test_a_thread_is_started_and_everything_comes_back() -> None:
    emulator = Emulator()
    borrow(emulator, SPAWN, general())
    assert emulator.names() == [
        "rt_sigprocmask", "sigaltstack", "pthread_create", "pthread_detach", "rt_sigpending"
    ]  # fmt: skip
    place, attributes, start, argument = emulator.arguments("pthread_create")
    assert STACK < place < SP
    assert (attributes, start, argument) == (0, CODE + THREAD, 0)
    assert emulator.arguments("pthread_detach")[0] == HANDLE
    assert emulator.registers == general()
    assert emulator.vectors == floating()
    assert emulator.mask == OLD_MASK
    assert emulator.state == STATE + 1


def test_signals_are_blocked_but_those_of_faults() -> None:
    emulator = Emulator()
    borrow(emulator, SPAWN, general())
    blocked = emulator.arguments("rt_sigprocmask")[1]
    assert struct.unpack("<Q", emulator.uc.mem_read(blocked, 8)) == (SIGNALS,)


def test_no_thread_can_be_started() -> None:
    emulator = Emulator(results={"pthread_create": 11})
    borrow(emulator, SPAWN, general())
    assert "pthread_detach" not in emulator.names()
    assert emulator.state == STATE + 2
    assert emulator.registers == general()


@pytest.mark.parametrize("result", [0, 0xFFFFFFFF], ids=["taken", "no room"])
def test_a_running_thread_asks_the_main_thread_and_goes_on_where_it_was(result: int) -> None:
    emulator = Emulator(results={"add_pending_call": result}, pending=USR1)
    before = general(call=None, pc=0x4444)
    borrow(emulator, PEND, before, None)
    assert emulator.names() == ["rt_sigprocmask", "sigaltstack", "add_pending_call"]
    assert emulator.registers == before
    assert emulator.vectors == floating()
    assert emulator.state == STATE + (2 if result else 1)


@pytest.mark.parametrize("refused", [0, 11])
def test_the_pending_call_starts_the_thread_and_never_fails(refused: int) -> None:
    emulator = Emulator()
    borrow(emulator, PEND, general(call=None), None)
    function, argument = emulator.arguments("add_pending_call")[:2]
    assert argument == 0
    later = Emulator(results={"pthread_create": refused})
    later.load()
    saved = {number: 0x8000 + number for number in range(19, 30)}
    for number, value in saved.items():
        later.uc.reg_write(X[number], value)
    later.uc.reg_write(X[30], CODE + 0xF00)
    later.uc.reg_write(arm.UC_ARM64_REG_SP, SP)
    later.run(function, CODE + 0xF00)
    assert later.names() == ["pthread_create"] if refused else ["pthread_create", "pthread_detach"]
    assert later.x(0) & 0xFFFFFFFF == 0
    assert {number: later.x(number) for number in saved} == saved
    assert int(later.uc.reg_read(arm.UC_ARM64_REG_SP)) == SP


@pytest.mark.parametrize(
    ("pending", "interrupted"),
    [pytest.param(0, False, id="no signal"), pytest.param(USR1, True, id="a signal came"),
     pytest.param(TERM, False, id="a signal that the service itself blocks")],
)  # fmt: skip
def test_a_signal_decides_whether_the_call_is_made_again(pending: int, interrupted: bool) -> None:
    emulator = Emulator(pending=pending)
    borrow(emulator, SPAWN, general())
    expected = general(x0=EINTR, pc=SVC_AT + 4) if interrupted else general()
    assert emulator.registers == expected


@pytest.mark.parametrize(
    ("number", "arguments", "told"),
    [
        pytest.param(CLOCK_NANOSLEEP, (1, 0, 5, 6, 0, 0), True, id="sleep for a time"),
        pytest.param(CLOCK_NANOSLEEP, (1, 1, 5, 6, 0, 0), False, id="sleep until a time"),
        pytest.param(101, (5, 6, 0, 0, 0, 0), True, id="nanosleep"),
        pytest.param(FUTEX, (5, 0x80, 2, 0x1000, 0, 0), True, id="FUTEX_WAIT for a time"),
        pytest.param(FUTEX, (5, 0x80, 2, 0, 0, 0), False, id="FUTEX_WAIT"),
        pytest.param(FUTEX, (5, 0x189, 2, 0x1000, 0, 0), False, id="FUTEX_WAIT_BITSET until a time"),
    ],
)
def test_a_call_that_would_wait_for_its_whole_time_again_is_interrupted(
    number: int, arguments: tuple[int, ...], told: bool
) -> None:
    call = Call(number, arguments, SP, SVC_AT + 4)
    emulator = Emulator()
    borrow(emulator, SPAWN, general(call=call), call)
    assert emulator.registers == (general(call=call, x0=EINTR, pc=SVC_AT + 4) if told else general(call=call))


def test_a_call_that_was_interrupted_already_keeps_its_result() -> None:
    call = Call(EPOLL_PWAIT, CALL.arguments, SP, SVC_AT + 4)
    stopped = general(call=call, x0=EINTR, pc=SVC_AT + 4)
    emulator = Emulator(pending=USR1)
    borrow(emulator, SPAWN, stopped, call)
    assert emulator.registers == stopped
    assert "rt_sigpending" not in emulator.names()


@pytest.mark.parametrize(
    ("stopped", "stands"),
    [
        pytest.param(general(), True, id="wound back"),
        pytest.param(general(x0=EINTR, pc=SVC_AT + 4), True, id="interrupted"),
        pytest.param(general(pc=SVC_AT + 4), False, id="it has returned"),
        pytest.param(general(pc=SVC_AT + 400), False, id="it has moved on"),
        pytest.param(general(x0=EINTR, x3=1, pc=SVC_AT + 4), False, id="other arguments"),
        pytest.param(general(x8=FUTEX), False, id="another call"),
        pytest.param(general(sp=SP - 16), False, id="deeper"),
        pytest.param(general(x0=1), False, id="another descriptor"),
    ],
)
def test_whether_a_stopped_thread_still_stands_in_its_call(stopped: bytes, stands: bool) -> None:
    assert AArch64().stands_in(CALL, stopped) is stands


def test_our_own_thread_runs_the_text_with_the_gil() -> None:
    emulator = Emulator(results={"is_initialized": 1, "ensure": 1})
    emulator.load()
    emulator.uc.reg_write(arm.UC_ARM64_REG_SP, SP)
    emulator.uc.reg_write(X[19], 0x1919)
    emulator.uc.reg_write(X[30], CODE + 0xF00)
    emulator.run(CODE + THREAD, CODE + 0xF00)
    assert emulator.names() == ["rt_sigprocmask", "is_initialized", "ensure", "run", "release"]
    assert emulator.mask == OLD_MASK | SIGNALS
    assert emulator.arguments("run")[:2] == (TEXT, 0)
    assert emulator.arguments("release")[0] == 1
    assert (emulator.x(0), emulator.x(19)) == (0, 0x1919)
    assert int(emulator.uc.reg_read(arm.UC_ARM64_REG_SP)) == SP


def test_our_own_thread_finds_the_interpreter_gone() -> None:
    emulator = Emulator()
    emulator.load()
    emulator.uc.reg_write(arm.UC_ARM64_REG_SP, SP)
    emulator.uc.reg_write(X[30], CODE + 0xF00)
    emulator.run(CODE + THREAD, CODE + 0xF00)
    assert emulator.names() == ["rt_sigprocmask", "is_initialized"]


@pytest.mark.parametrize("offset", range(0, 64, 16))
def test_the_frame_lies_aligned_below_the_stack(offset: int) -> None:
    borrowed = AArch64().borrow(general(sp=SP + offset), floating(), CODE + SPAWN, STATE, None)
    assert borrowed.stack_at % 16 == 0
    assert borrowed.stack_at + len(borrowed.stack) <= SP + offset


def test_processors_that_hold_more_than_comes_back() -> None:
    plain, wide, shadow = frozenset({"fp", "asimd"}), frozenset({"asimd", "sve"}), frozenset({"asimd", "gcs"})
    refusal = AArch64().refusal
    assert [refusal(each, running=True) is None for each in (plain, wide, shadow)] == [True, False, False]
    assert [refusal(each, running=False) is None for each in (plain, wide, shadow)] == [True, True, False]
