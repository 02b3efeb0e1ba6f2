"""The block of code for x86-64, and the registers of a thread that is sent into it."""

from __future__ import annotations

import platform
import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from kdiag.attach import machine
from kdiag.attach.machine import PEND, SPAWN, Call, fill, machine_of
from kdiag.attach.machine.x86_64 import X86_64
from kdiag.errors import KdiagError

SOURCE = Path(machine.__file__).with_name("x86_64.s")
NAMES = [
    "r15",
    "r14",
    "r13",
    "r12",
    "rbp",
    "rbx",
    "r11",
    "r10",
    "r9",
    "r8",
    "rax",
    "rcx",
    "rdx",
    "rsi",
    "rdi",
    "orig_rax",
    "rip",
    "cs",
    "eflags",
    "rsp",
    "ss",
    "fs_base",
    "gs_base",
    "ds",
    "es",
    "fs",
    "gs",
]
EPOLL_WAIT, FUTEX = 232, 202
NO_CALL = (1 << 64) - 1
CODE, STATE, STACK = 0x7F00_0000_1000, 4_000_000, 0x7FFF_0000_0F08


def registers(**known: int) -> bytes:
    """The kernel's register set: each a value of its own, but for those given."""
    values = {name: 0x1000 + index for index, name in enumerate(NAMES)} | {"rsp": STACK, "orig_rax": NO_CALL} | known
    return struct.pack("<27Q", *(value & NO_CALL for value in values.values()))


def named(raw: bytes) -> dict[str, int]:
    return dict(zip(NAMES, struct.unpack("<27Q", raw), strict=True))


def frame(stack: bytes) -> dict[str, int]:
    """What the code finds, by the names that `x86_64.s` gives it."""
    names = ["state", "thread", "mask", "pending", "call", *NAMES[:15], "eflags", "rsp"]
    return dict(zip(names, struct.unpack(f"<{len(names)}Q", stack), strict=True))


def test_the_bytes_are_those_of_the_source(tmp_path: Path) -> None:
    if platform.machine() != "x86_64" or not shutil.which("as") or not shutil.which("objcopy"):
        pytest.skip("needs an assembler for x86-64 (binutils)")
    subprocess.run(["as", "--64", "-o", tmp_path / "block.o", SOURCE], check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", tmp_path / "block.o", tmp_path / "block"], check=True)
    assert (tmp_path / "block").read_bytes() == X86_64.code


def test_the_block_is_small_and_its_literals_are_empty() -> None:
    assert len(X86_64.code) < 640
    assert X86_64.code[:SPAWN] == bytes(SPAWN)


def test_literals_are_filled_in_order() -> None:
    names = [
        "pthread_create",
        "pthread_detach",
        "is_initialized",
        "ensure",
        "run",
        "release",
        "add_pending_call",
        "text",
        "resume",
        "resume_interrupted",
    ]
    block = fill(X86_64.code, {name: number for number, name in enumerate(names, 1)})
    assert struct.unpack_from("<10Q", block) == tuple(range(1, 11))
    assert block[SPAWN:] == X86_64.code[SPAWN:]


def test_a_running_thread_goes_on_where_it_was() -> None:
    borrowed = X86_64().borrow(registers(), b"", CODE + PEND, STATE, None)
    before, there = named(registers()), named(borrowed.registers)
    assert (there["rip"], there["rsp"], there["orig_rax"]) == (CODE + PEND, borrowed.stack_at, NO_CALL)
    assert {name: there[name] for name in NAMES if name not in {"rip", "rsp", "orig_rax"}} == {
        name: before[name] for name in NAMES if name not in {"rip", "rsp", "orig_rax"}
    }
    saved = frame(borrowed.stack)
    assert {name: saved[name] for name in (*NAMES[:15], "eflags", "rsp")} == {
        name: before[name] for name in (*NAMES[:15], "eflags", "rsp")
    }
    assert (saved["state"], saved["call"]) == (STATE, 0)
    assert borrowed.resume == before["rip"]


@pytest.mark.parametrize("offset", range(16))
def test_the_frame_lies_aligned_below_the_red_zone(offset: int) -> None:
    borrowed = X86_64().borrow(registers(rsp=STACK + offset), b"", CODE + SPAWN, STATE, None)
    assert borrowed.stack_at % 16 == 0
    assert borrowed.stack_at + len(borrowed.stack) <= STACK + offset - 128


@pytest.mark.parametrize(
    ("result", "resumes_with", "again", "interruptible"),
    [
        pytest.param(-512, EPOLL_WAIT, True, 1, id="ERESTARTSYS"),
        pytest.param(-513, EPOLL_WAIT, True, 0, id="ERESTARTNOINTR"),
        pytest.param(-514, EPOLL_WAIT, True, 1, id="ERESTARTNOHAND"),
        pytest.param(-516, -4, False, 0, id="ERESTART_RESTARTBLOCK"),
        pytest.param(-4, -4, False, 0, id="EINTR"),
        pytest.param(7, 7, False, 0, id="a result"),
    ],
)
def test_a_system_call_is_made_again_or_told_that_it_was_interrupted(
    result: int, resumes_with: int, again: bool, interruptible: int
) -> None:
    stopped = registers(orig_rax=EPOLL_WAIT, rax=result, rip=0x5000)
    borrowed = X86_64().borrow(stopped, b"", CODE + SPAWN, STATE, None)
    saved = frame(borrowed.stack)
    assert saved["rax"] == resumes_with & NO_CALL
    assert saved["call"] == interruptible
    assert borrowed.resume == (0x4FFE if again else 0x5000)  # `syscall` takes two bytes
    assert borrowed.resume_interrupted == 0x5000


def test_a_call_is_known_by_its_number_arguments_and_stack() -> None:
    stopped = registers(orig_rax=FUTEX, rax=-512, rdi=1, rsi=2, rdx=3, r10=4, r8=5, r9=6, rip=0x5000)
    call = Call(FUTEX, (1, 2, 3, 4, 5, 6), STACK, 0x5000)
    assert X86_64().stands_in(call, stopped)
    for field, value in {
        "number": EPOLL_WAIT, "arguments": (0,) * 6, "stack_pointer": 0, "program_counter": 0
    }.items():  # fmt: skip
        assert not X86_64().stands_in(replace(call, **{field: value}), stopped)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "known",
    [
        pytest.param({}, id="it runs"),
        pytest.param({"orig_rax": FUTEX, "rax": 0}, id="its call has ended"),
        pytest.param({"orig_rax": FUTEX, "rax": -110}, id="its call has failed"),
    ],
)
def test_a_thread_that_is_not_in_a_call_any_more(known: dict[str, int]) -> None:
    stopped = registers(**known)
    names = named(stopped)
    arguments = tuple(names[name] for name in ("rdi", "rsi", "rdx", "r10", "r8", "r9"))
    assert not X86_64().stands_in(Call(FUTEX, arguments, STACK, names["rip"]), stopped)


def test_a_processor_that_lacks_what_the_code_needs() -> None:
    assert X86_64().refusal(frozenset({"sse2", "xsave"}), running=True) is None
    assert X86_64().refusal(frozenset({"sse2"}), running=False)


def test_a_processor_that_is_not_known() -> None:
    with pytest.raises(KdiagError) as raised:
        machine_of("riscv")
    assert raised.value.reference == "unsupported-processor"
    assert "kdiag run" in raised.value.hint
