"""The kernel's words about a thread, told apart."""

from __future__ import annotations

import os
import threading

import pytest

from kdiag.core.model import Wait
from kdiag.sources.thread_states import ThreadState, classify, read_states

GIL = (0x7F30_0000_1000, 0x7F30_0000_2000)


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("running", Wait.RUNNING),
        ("-1 0x7ffd 0x7f30", Wait.RUNNING),
        ("202 0x55ac7665f0d0 0x189 0x0 0x0 0x0 0xffffffff 0x7f30 0x7f30", Wait.LOCK),
        ("202 0x7f3000001ab0 0x189 0x0 0x0 0x0 0xffffffff 0x7f30 0x7f30", Wait.GIL),
        ("230 0x1 0x1 0x7f84 0x0 0x0 0x7f 0x7f 0x7f", Wait.SLEEP),
        ("270 0x0 0x0 0x0 0x0 0x7f306bffe710 0x0 0x7f 0x7f", Wait.SLEEP),  # time.sleep of Python 3.9
        ("270 0x5 0x1 0x0 0x0 0x7f306bffe710 0x0 0x7f 0x7f", Wait.POLL),
        ("232 0x5 0x7f 0x3 0xffffffff 0x0 0x8 0x7f 0x7f", Wait.POLL),
        ("7 0x7f 0x1 0x7530 0x0 0x0 0x0 0x7f 0x7f", Wait.IO),  # a socket with a timeout
        ("7 0x7f 0x9 0x7530 0x0 0x0 0x0 0x7f 0x7f", Wait.POLL),
        ("45 0x5 0x7f 0x40 0x0 0x0 0x0 0x7f 0x7f", Wait.IO),
    ],
)
def test_a_system_call_tells_the_wait(text: str, wait: Wait) -> None:
    assert classify(text, [GIL], "x86_64").wait is wait


def test_a_futex_keeps_its_address() -> None:
    assert classify("202 0x55ac 0x189 0x0 0x0 0x0 0x0 0x7f 0x7f", [GIL], "x86_64").wait_address == 0x55AC


def test_aarch64_has_numbers_of_its_own() -> None:
    assert classify("98 0x55ac 0x189 0x0 0x0 0x0 0x0 0x7f 0x7f", [], "aarch64").wait is Wait.LOCK
    assert classify("115 0x1 0x1 0x7f84 0x0 0x0 0x7f 0x7f 0x7f", [], "aarch64").wait is Wait.SLEEP


def test_a_waiting_thread_of_this_process_stands_still() -> None:
    release, ready = threading.Event(), threading.Event()
    seen: list[int] = []

    def wait() -> None:
        seen.append(threading.get_native_id())
        ready.set()
        release.wait()

    def state() -> ThreadState:
        return read_states(os.getpid(), [])[seen[0]]

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        ready.wait()
        # On its way there it waits for the GIL, which looks alike from outside, and comes to run again.
        while (first := state()).wait is not Wait.LOCK or (second := state()) != first:
            pass
        assert first.runs == second.runs
        assert first.cpu_s == second.cpu_s
        assert first.runs is not None
    finally:
        release.set()
        thread.join()


def test_a_process_that_is_gone_has_no_threads() -> None:
    assert read_states(2**22 + 1, []) == {}
