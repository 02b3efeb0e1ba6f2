"""The block of code for aarch64, run by an emulator: no such processor is needed, and none was ever used."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from unicorn import arm64_const as arm

from kdiag.attach import machine
from kdiag.attach.machine import PEND, SPAWN, THREAD, Call, machine_of
from kdiag.attach.machine.aarch64 import AArch64
from tests.unit.attach.emulated_aarch64 import (
    CALL,
    CLOCK_NANOSLEEP,
    CODE,
    EINTR,
    EPOLL_PWAIT,
    FUTEX,
    HANDLE,
    OLD_MASK,
    SIGNALS,
    SP,
    STACK,
    STATE,
    SVC_AT,
    TERM,
    TEXT,
    USR1,
    Emulator,
    X,
    borrow,
    floating,
    general,
)

SOURCE = Path(machine.__file__).with_name("aarch64.s")
ASSEMBLER, OBJCOPY = "aarch64-linux-gnu-as", "aarch64-linux-gnu-objcopy"


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
