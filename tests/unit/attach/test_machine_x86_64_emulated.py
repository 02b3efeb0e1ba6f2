"""The block of code for x86-64, run by an emulator: what real threads rarely meet, and every register."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import pytest
from unicorn import UC_ARCH_X86, UC_HOOK_CODE, UC_HOOK_INSN, UC_MODE_64, Uc
from unicorn import x86_const as x86

from kdiag.attach.machine import FUNCTIONS, PEND, SPAWN, THREAD, fill
from kdiag.attach.machine.x86_64 import X86_64

CODE, LIBRARY, STACK, STACK_SIZE = 0x40_0000, 0x50_0000, 0x7F_0000, 0x1_0000
SP = STACK + STACK_SIZE - 0x800
AGAIN, STATE, TEXT, HANDLE = 0x60_0010, 4_000_000, 0x61_0000, 0x7777_0000
OLD_MASK, USR1, TERM = 1 << 14, 1 << 9, 1 << 14  # SIGTERM is blocked before we come
SIGNALS = ~(1 << 3 | 1 << 4 | 1 << 6 | 1 << 7 | 1 << 10 | 7 << 30) & (1 << 64) - 1
FLAGS = 0x246
READ, NO_CALL = 0, (1 << 64) - 1
ALL = (
    "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi", "orig_rax",
    "rip", "cs", "eflags", "rsp",
)  # fmt: skip
GENERAL = {name: getattr(x86, f"UC_X86_REG_{name.upper()}") for name in ALL if name not in {"orig_rax", "cs"}}
VECTORS = [getattr(x86, f"UC_X86_REG_XMM{number}") for number in range(16)]
LITERALS = {name: LIBRARY + 0x100 * number for number, name in enumerate(FUNCTIONS, 1)} | {"text": TEXT}


def registers(**known: int) -> dict[str, int]:
    """A thread's registers, each a value of its own."""
    values = {name: 0x9000 + number for number, name in enumerate(ALL)}
    return values | {"rsp": SP, "rip": AGAIN, "eflags": FLAGS, "orig_rax": NO_CALL, **known}


@dataclass
class Emulator:
    """A thread that runs the block; the kernel and the functions are the test's."""

    results: dict[str, int] = field(default_factory=dict)
    pending: int = 0
    calls: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    mask: int = OLD_MASK

    def __post_init__(self) -> None:
        self.uc = Uc(UC_ARCH_X86, UC_MODE_64)
        for at, size in ((CODE, 0x1000), (LIBRARY, 0x1000), (STACK, STACK_SIZE), (AGAIN & ~0xFFF, 0x1000)):
            self.uc.mem_map(at, size)
        self.uc.mem_write(LIBRARY, b"\xc3" * 0x1000)  # ret
        vectors_in_use = self.uc.reg_read(x86.UC_X86_REG_CR4) | 1 << 9 | 1 << 18
        self.uc.reg_write(x86.UC_X86_REG_CR4, vectors_in_use)
        self.uc.hook_add(UC_HOOK_INSN, self._system_call, aux1=x86.UC_X86_INS_SYSCALL)
        self.uc.hook_add(UC_HOOK_CODE, self._function, begin=LIBRARY, end=LIBRARY + 0xFFF)

    def load(self, resume: int = 0, resume_interrupted: int = 0) -> None:
        block = fill(X86_64.code, {**LITERALS, "resume": resume, "resume_interrupted": resume_interrupted})
        self.uc.mem_write(CODE, block)

    def read(self, name: str) -> int:
        return int(self.uc.reg_read(GENERAL[name]))

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def arguments(self, name: str) -> tuple[int, ...]:
        return next(arguments for called, arguments in self.calls if called == name)

    def call(self, at: int, **known: int) -> None:
        """Call a function of the block, as C does."""
        back = AGAIN + 0x100
        for name, value in known.items():
            self.uc.reg_write(GENERAL[name], value)
        self.uc.mem_write(SP - 8, struct.pack("<Q", back))
        self.uc.reg_write(GENERAL["rsp"], SP - 8)
        self.uc.emu_start(at, back, count=2000)
        assert self.read("rsp") == SP

    def _function(self, _uc: Uc, address: int, _size: int, _data: object) -> None:
        (name,) = (name for name, at in LITERALS.items() if at == address)
        assert self.read("rsp") % 16 == 8  # the return address lies on an aligned stack
        arguments = tuple(self.read(each) for each in ("rdi", "rsi", "rdx", "rcx"))
        self.calls.append((name, arguments))
        for register in ("rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11"):
            self.uc.reg_write(GENERAL[register], 0xDEAD_0000)
        for number, vector in enumerate(VECTORS):
            self.uc.reg_write(vector, 0xDEAD << number)
        self.uc.mem_write(self.read("rsp") - 0x1000, b"\xdd" * 0x1000)
        if name == "pthread_create" and not self.results.get(name):
            self.uc.mem_write(arguments[0], struct.pack("<Q", HANDLE))
        self.uc.reg_write(GENERAL["rax"], self.results.get(name, 0))

    def _system_call(self, _uc: Uc, _data: object) -> None:
        number = self.read("rax")
        a, b, c, d = (self.read(each) for each in ("rdi", "rsi", "rdx", "r10"))
        if number == 14:
            self.calls.append(("rt_sigprocmask", (a, b, c, d)))
            assert d == 8
            new = struct.unpack("<Q", self.uc.mem_read(b, 8))[0]
            if c:
                self.uc.mem_write(c, struct.pack("<Q", self.mask))
            self.mask = new if a == 2 else self.mask | new
        elif number == 127:
            self.calls.append(("rt_sigpending", (a, b)))
            self.uc.mem_write(a, struct.pack("<Q", self.pending))
        else:
            pytest.fail(f"system call {number}")
        self.uc.reg_write(GENERAL["rax"], 0)
        self.uc.reg_write(GENERAL["rcx"], 0xBAD)
        self.uc.reg_write(GENERAL["r11"], 0xBAD)


def borrow(emulator: Emulator, entry: int, before: dict[str, int]) -> int:
    """All that the tracer does, then what the thread does, until it is back; returns the state."""
    raw = struct.pack("<27Q", *before.values(), *range(7))
    borrowed = X86_64().borrow(raw, b"", CODE + entry, STATE, None)
    emulator.load(borrowed.resume, borrowed.resume_interrupted)
    emulator.uc.mem_write(borrowed.stack_at, borrowed.stack)
    for name, value in zip(ALL, struct.unpack_from("<20Q", borrowed.registers), strict=True):
        if name in GENERAL and name != "rip":
            emulator.uc.reg_write(GENERAL[name], value)
    for number, vector in enumerate(VECTORS):
        emulator.uc.reg_write(vector, (number + 1) << 100 | number)
    emulator.uc.hook_add(
        UC_HOOK_CODE, lambda uc, *_: uc.emu_stop(), begin=AGAIN & ~0xFFF, end=AGAIN | 0xFFF
    )  # wherever it goes back to
    emulator.uc.emu_start(CODE + entry, 0, count=2000)
    assert [emulator.uc.reg_read(vector) for vector in VECTORS] == [(n + 1) << 100 | n for n in range(16)]
    assert emulator.mask == OLD_MASK
    state: int = struct.unpack("<Q", emulator.uc.mem_read(borrowed.stack_at, 8))[0]
    return state


def after(emulator: Emulator) -> dict[str, int]:
    return {name: emulator.read(name) for name in GENERAL}


def expected(before: dict[str, int], **changes: int) -> dict[str, int]:
    return {name: before[name] for name in GENERAL} | changes


@pytest.mark.parametrize(("result", "progress"), [(0, 1), (11, 2)], ids=["started", "refused"])
def test_a_thread_is_started_and_everything_comes_back(result: int, progress: int) -> None:
    emulator, before = Emulator(results={"pthread_create": result}), registers()
    assert borrow(emulator, SPAWN, before) == STATE + progress
    assert after(emulator) == expected(before)
    assert emulator.names() == [
        "rt_sigprocmask",
        "pthread_create",
        *["pthread_detach"] * (not result),
        "rt_sigprocmask",
    ]
    place, attributes, _, argument = emulator.arguments("pthread_create")
    assert STACK < place < SP - 128
    assert (attributes, argument) == (0, 0)
    assert result or emulator.arguments("pthread_detach")[0] == HANDLE


@pytest.mark.parametrize("result", [0, 0xFFFFFFFF], ids=["taken", "no room"])
def test_a_running_thread_asks_the_main_thread_and_goes_on_where_it_was(result: int) -> None:
    emulator, before = Emulator(results={"add_pending_call": result}, pending=USR1), registers(eflags=0x602)
    assert borrow(emulator, PEND, before) == STATE + (2 if result else 1)  # with the direction flag set, too
    assert after(emulator) == expected(before)
    assert emulator.names() == ["rt_sigprocmask", "add_pending_call", "rt_sigprocmask"]
    function, argument = emulator.arguments("add_pending_call")[:2]
    assert argument == 0
    later = Emulator(results={"pthread_create": 11})
    later.load()
    later.call(function, rbx=0xB, rbp=0xC, r12=0xD)
    assert (later.names(), later.read("rax")) == (["pthread_create"], 0)
    assert [later.read(name) for name in ("rbx", "rbp", "r12")] == [0xB, 0xC, 0xD]


@pytest.mark.parametrize(
    ("code", "pending", "changes"),
    [
        pytest.param(-512, 0, {"rax": READ, "rip": AGAIN - 2}, id="made again"),
        pytest.param(-512, USR1, {"rax": -4 & NO_CALL}, id="a signal came"),
        pytest.param(-512, TERM, {"rax": READ, "rip": AGAIN - 2}, id="a signal that the service itself blocks"),
        pytest.param(-513, USR1, {"rax": READ, "rip": AGAIN - 2}, id="always made again"),
        pytest.param(-516, 0, {"rax": -4 & NO_CALL}, id="the rest of its time is lost"),
        pytest.param(-4, USR1, {}, id="interrupted already"),
    ],
)
def test_how_an_interrupted_system_call_goes_on(code: int, pending: int, changes: dict[str, int]) -> None:
    emulator, before = Emulator(pending=pending), registers(orig_rax=READ, rax=code & NO_CALL)
    borrow(emulator, SPAWN, before)
    assert after(emulator) == expected(before, **changes)


def test_our_own_thread_runs_the_text_with_the_gil() -> None:
    emulator = Emulator(results={"is_initialized": 1, "ensure": 1})
    emulator.load()
    emulator.call(CODE + THREAD, rbx=0xB)
    assert emulator.names() == ["rt_sigprocmask", "is_initialized", "ensure", "run", "release"]
    assert emulator.mask == OLD_MASK | SIGNALS
    assert emulator.arguments("run")[:2] == (TEXT, 0)
    assert emulator.arguments("release")[0] == 1
    assert (emulator.read("rax"), emulator.read("rbx")) == (0, 0xB)


def test_our_own_thread_finds_the_interpreter_gone() -> None:
    emulator = Emulator()
    emulator.load()
    emulator.call(CODE + THREAD)
    assert emulator.names() == ["rt_sigprocmask", "is_initialized"]
