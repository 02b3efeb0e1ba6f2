"""Threads of ours started in real processes by ptrace: nothing of the thread that was borrowed changes."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kdiag.attach.entry import enter
from kdiag.attach.maps import read_maps
from kdiag.attach.memory import TargetMemory
from kdiag.attach.parking import read_standing
from kdiag.attach.process import read_facts
from kdiag.errors import KdiagError
from tests.support.interpreters import each_interpreter
from tests.support.targets import REPOSITORY, start_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from kdiag.attach.entered import Entry
    from tests.support.interpreters import Interpreter
    from tests.support.targets import Target

ROUNDS = 20


def until(condition: Callable[[], object], timeout_s: float = 40.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def tids(pid: int) -> set[str]:
    return set(os.listdir(f"/proc/{pid}/task"))


def run_in(target: Target, *, pending: bool = True) -> Entry:
    """Enter a target, wait until the text has run and its thread has ended, and wipe the block.

    Without `pending` where the target has just become ready: its main thread runs, and then sleeps for good.
    """
    before = tids(target.pid)
    mark = Path(f"/tmp/.kdiag-test-{target.pid}")  # noqa: S108 - the target makes it, in its own root
    seen = target.python.root / mark.relative_to("/")
    text = f"__import__('os').close(__import__('os').open({str(mark)!r},65))".encode()
    entered = enter(read_facts(target.pid), text, pending=pending)
    try:
        until(seen.exists)
    finally:
        with contextlib.suppress(FileNotFoundError):
            seen.unlink()
    until(lambda: tids(target.pid) <= before)
    until(entered.wipe)
    return entered


def executable_memory(pid: int) -> bytes:
    """All code of a process, its padding included."""
    with TargetMemory(pid) as memory:
        return b"".join(
            memory.read(each.start, each.end - each.start)
            for each in read_maps(pid)
            if "x" in each.permissions and "w" not in each.permissions and not each.path.startswith("[v")
        )


@pytest.fixture(scope="session")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that keeps registers."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler or "avx" not in Path("/proc/cpuinfo").read_text():
        pytest.skip("needs a C compiler and a processor with AVX")
    library = tmp_path_factory.mktemp("registers") / "registers.so"
    source = REPOSITORY / "tests" / "targets" / "registers.c"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-mavx", "-o", library, source], check=True)
    return library


@pytest.mark.parametrize("doing", ["parked", "running"])
def test_every_register_and_the_red_zone_are_kept(keeper: Path, doing: str) -> None:
    with start_target("registers", str(keeper), doing) as target:
        ways = {run_in(target).way for _ in range(ROUNDS)}
        told = len(target.lines)
        until(lambda: len(target.lines) > told + 1)
        assert target.lines[-1]["wrong"] == []
        assert ("parked" if doing == "parked" else "pending") in ways


@each_interpreter(one_per_minor=True)
def test_no_byte_of_code_is_another_one_afterwards(python: Interpreter) -> None:
    with start_target("waiting_service", python=python) as target:
        before = executable_memory(target.pid)
        run_in(target, pending=False)
        assert executable_memory(target.pid) == before


def test_a_block_that_could_not_be_wiped_is_left_alone() -> None:
    with start_target("waiting_service") as target:
        first, second = (enter(read_facts(target.pid), b"pass", pending=False) for _ in range(2))
        assert not {at for at, _ in first._blocks} & {at for at, _ in second._blocks}
        run_in(target, pending=False)
        assert target.process.poll() is None


def _is_through(entered: Entry, before: set[str]) -> bool:
    return entered.progress() == "started" and tids(entered.pid) <= before


@each_interpreter(one_per_minor=True)
def test_what_killed_hosts_leave_takes_no_more_and_more_room(python: Interpreter) -> None:
    text = b"0 #" + b"x" * 1_990
    with start_target("waiting_service", python=python) as target:
        facts, before = read_facts(target.pid), tids(target.pid)
        places = set()
        for number in range(30):
            entered = enter(facts, text, pending=False)
            until(partial(_is_through, entered, before))
            places |= {at for at, _ in entered._blocks}
            if number == 10:
                entered.disarm()
        assert len(places) <= 6  # one text, and code for each place that the thread was parked at
        assert target.process.poll() is None
        run_in(target, pending=False)


OPENS_A_FIFO = """
import json, os, sys
os.mkfifo(sys.argv[1])
print(json.dumps({"ready": True, "pid": os.getpid()}), flush=True)
open(sys.argv[1])
"""


def test_a_process_without_a_thread_to_borrow_is_let_alone(tmp_path: Path) -> None:
    """Its only thread is in a call that is not known to be safe: it waits for the other end of a FIFO."""
    script = tmp_path / "opens_a_fifo.py"
    script.write_text(OPENS_A_FIFO)
    with start_target(script, str(tmp_path / "fifo")) as target:
        until(lambda: (standing := read_standing(target.pid, target.pid)) and standing.call)
        with pytest.raises(KdiagError) as raised:
            enter(read_facts(target.pid), b"pass")
        assert raised.value.reference == "could-not-get-in-safely"
        assert raised.value.hint
