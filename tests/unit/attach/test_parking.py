"""Which threads count as parked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdiag.attach.machine import Call
from kdiag.attach.machine.x86_64 import X86_64
from kdiag.attach.parking import Standing, parked, parse_call, unmoved, waiting_for_locks, waits_inside

MACHINE = X86_64()
READ, EPOLL_WAIT, FUTEX, MMAP, OPENAT = 0, 232, 202, 9, 257


def standing(tid: int, number: int | None, *, state: str = "S", address: int = 0x1000, runs: int = 3) -> Standing:
    call = None if number is None else Call(number, (address, 0, 0, 0, 0, 0), 0x7FFF0000, 0x400000)
    return Standing(tid, state, call, runs)


@pytest.mark.parametrize("number", [READ, EPOLL_WAIT])
def test_a_thread_that_waits_for_something_outside_is_parked(number: int) -> None:
    thread = standing(1, number)
    assert parked([thread], MACHINE) == [thread]
    assert waiting_for_locks([thread], MACHINE) == []


@pytest.mark.parametrize(
    "thread",
    [
        pytest.param(standing(1, None, state="R"), id="it runs"),
        pytest.param(standing(1, READ, state="R"), id="it is about to run"),
        pytest.param(standing(1, READ, state="D"), id="it waits for a disk"),
        pytest.param(standing(1, MMAP), id="it may be in malloc"),
        pytest.param(standing(1, OPENAT), id="a call that may be made with a lock of libc"),
        pytest.param(standing(1, FUTEX), id="its lock may be malloc's own"),
    ],
)
def test_a_thread_that_is_not_parked(thread: Standing) -> None:
    assert parked([thread], MACHINE) == []


def test_the_order_is_kept_so_that_the_main_thread_comes_first() -> None:
    threads = [standing(5, READ), standing(2, EPOLL_WAIT)]
    assert parked(threads, MACHINE) == threads


def test_a_thread_that_waits_for_a_lock_must_not_have_moved() -> None:
    still, ran, other_lock, ended = (standing(tid, FUTEX) for tid in range(1, 5))
    assert waiting_for_locks([still, ran, other_lock, ended], MACHINE) == [still, ran, other_lock, ended]
    later = [still, replace(ran, runs=4), standing(3, FUTEX, address=0x2000)]
    assert unmoved([still, ran, other_lock, ended], later) == [still]


@pytest.mark.parametrize(("address", "inside"), [(0x1000, True), (0x1FFF, True), (0x2000, False), (0xFFF, False)])
def test_the_interpreters_own_lock_is_known_by_its_address(address: int, inside: bool) -> None:
    assert waits_inside(standing(1, FUTEX, address=address), [(0x1000, 0x2000)]) is inside


def test_the_kernels_account_of_a_system_call() -> None:
    text = "202 0x7f16e1d4e6f4 0x89 0x0 0x7ffe824b2d90 0x0 0xffffffff 0x7ffe824b2d40 0x7f16e1b0b117\n"
    arguments = (0x7F16E1D4E6F4, 0x89, 0, 0x7FFE824B2D90, 0, 0xFFFFFFFF)
    assert parse_call(text) == Call(202, arguments, 0x7FFE824B2D40, 0x7F16E1B0B117)
    assert parse_call("running\n") is None
    assert parse_call("-1 0x7ffe824b2d40 0x7f16e1b0b117\n") is None
    assert parse_call("") is None
