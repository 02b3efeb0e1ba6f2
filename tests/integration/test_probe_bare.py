"""A probe in an interpreter that has nothing of ours on its path, and has never imported `threading` either."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from kdiag.attach.bundle import boot_text
from kdiag.attach.channel import Channel, find_door
from kdiag.attach.process import read_facts
from tests.support.interpreters import each_interpreter
from tests.support.probed import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.interpreters import Interpreter

# It runs the text as PyRun_SimpleString does, says so, waits for a line, and ends as scripts do.
SCRIPT = """
import _thread, os, sys
_thread.start_new_thread(exec, (os.environ["TEXT"], sys.modules["__main__"].__dict__))
print(os.getpid(), flush=True)
sys.stdin.readline()
threading = sys.modules.get("threading")
assert threading is None or threading.main_thread().ident == _thread.get_ident()
assert threading is None or threading.current_thread() is threading.main_thread()
print(sorted(name for name in globals() if "__" not in name), "threading" in sys.modules, flush=True)
"""


@each_interpreter()
@pytest.mark.parametrize("leaves", [True, False], ids=["left", "still-there"])
def test_it_runs_there_and_the_script_ends_clean(python: Interpreter, leaves: bool) -> None:
    with subprocess.Popen(
        [*python.argv_prefix, "-I", "-S", "-W", "default", "-c", SCRIPT],
        env={"TEXT": boot_text().decode(), "PATH": os.environ["PATH"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            channel = enter(process.pid)
            names = channel.request("start", sensors=["gc", "threads", "loops", "memory"])["sensors"]
            assert names == ["gc", "threads", "loops", "memory"]
            assert sorted(channel.request("read", sensors=dict.fromkeys(names, 0))) == sorted(names)
            cost = channel.cost()
            assert cost.crashes == 0, cost.last_crash
            if leaves:
                channel.close()
            out, err = process.communicate("go\n", timeout=20)
            channel.close()
        finally:
            process.kill()
    assert err == ""
    assert process.returncode == 0
    assert out == "['_thread', 'os', 'sys', 'threading'] True\n"
    assert not doors(python, process.pid)


def enter(pid: int) -> Channel:
    until(lambda: find_door(read_facts(pid)) is not None, "no door")
    facts = read_facts(pid)
    door = find_door(facts)
    assert door
    return Channel.connect(door, pid, facts.uid)


def doors(python: Interpreter, pid: int) -> list[Path]:
    return [
        each for parent in ("tmp", "var/tmp", "dev/shm") for each in (python.root / parent).glob(f".kdiag-*-{pid}*")
    ]
