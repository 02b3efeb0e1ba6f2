"""A probe in an interpreter that has nothing of ours on its path, and has never imported `threading` either."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from kdiag.attach.bundle import PARENTS, boot_text
from kdiag.attach.channel import Channel, find_door
from kdiag.attach.process import read_facts
from tests.support.interpreters import each_interpreter, interpreters
from tests.support.probed import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.interpreters import Interpreter

# Says who it is, runs the text that it is given as PyRun_SimpleString does, waits for a line, and ends as scripts do.
SCRIPT = """
import _thread, os, sys
print(os.getpid(), flush=True)
_thread.start_new_thread(exec, (eval(sys.stdin.readline()), sys.modules["__main__"].__dict__))
sys.stdin.readline()
threading = sys.modules.get("threading")
assert threading is None or threading.main_thread().ident == _thread.get_ident()
assert threading is None or threading.current_thread() is threading.main_thread()
print(sorted(name for name in globals() if "__" not in name), "threading" in sys.modules, flush=True)
"""


@contextlib.contextmanager
def script(*argv: str) -> Iterator[subprocess.Popen[str]]:
    """Start the script, by a command that a Python's arguments can be added to, and wait until it runs."""
    with subprocess.Popen(
        [*argv, "-I", "-S", "-W", "default", "-c", SCRIPT],
        env={"PATH": os.environ["PATH"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            pid = process.stdout.readline()
            assert pid, process.stderr.read()
            process.stdin.write(f"{boot_text(int(pid)).decode()!r}\n")
            process.stdin.flush()
            yield process
        finally:
            process.kill()


def end(process: subprocess.Popen[str]) -> None:
    """Let it end by itself; it must have nothing to complain about."""
    out, err = process.communicate("go\n", timeout=120)
    assert err == ""
    assert process.returncode == 0
    assert out == "['_thread', 'os', 'sys', 'threading'] True\n"


@each_interpreter()
@pytest.mark.parametrize("leaves", [True, False], ids=["left", "still-there"])
def test_it_runs_there_and_the_script_ends_clean(python: Interpreter, leaves: bool) -> None:
    with script(*python.argv_prefix) as process:
        check_all_of_it(process, python.root, leaves=leaves)


def test_a_free_threaded_build() -> None:
    builds = [each for each in interpreters((3, 13)) if is_free_threaded(each)]
    if not builds:
        pytest.skip("no free-threaded build of Python here; `pyenv install 3.14t`")
    for python in builds:
        with script(*python.argv_prefix) as process:
            check_all_of_it(process, python.root, leaves=True)


def test_in_a_pid_namespace() -> None:
    with script(*unshare("--fork", "--pid", "--mount-proc", "--kill-child"), sys.executable) as process:
        (target,) = psutil.Process(process.pid).children()
        assert len(read_facts(target.pid).ns_pids) == 2
        channel = enter(target.pid)
        assert channel.hello().pid == 1
        channel.close()
        end(process)


def test_in_a_user_namespace() -> None:
    with script(*unshare("--user", "--map-user=1234"), sys.executable) as process:
        channel = enter(process.pid)
        assert channel.hello().crashes == 0
        channel.close()
        end(process)


def test_in_a_mount_namespace_with_folders_of_its_own() -> None:
    own_tmp = 'mount -t tmpfs none /tmp && exec "$@"'
    with script(*unshare("--mount"), "sh", "-c", own_tmp, "sh", os.path.realpath(sys.executable)) as process:
        channel = enter(process.pid)
        assert not doors(Path("/"), process.pid)  # it is not in our /tmp
        assert channel.hello().crashes == 0
        channel.close()
        end(process)


def unshare(*options: str) -> list[str]:
    """A command that runs another in namespaces of its own; skips the test where that is not allowed."""
    command = ["unshare", *options]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"{' '.join(command)} is not possible here: {error}")
    return command


def is_free_threaded(python: Interpreter) -> bool:
    question = "import sysconfig; print(sysconfig.get_config_var('Py_GIL_DISABLED'))"
    answer = subprocess.run([*python.argv_prefix, "-I", "-c", question], capture_output=True, text=True, check=True)
    return answer.stdout.strip() == "1"


def check_all_of_it(process: subprocess.Popen[str], root: Path, *, leaves: bool) -> None:
    """All sensors, then the end."""
    channel = enter(process.pid)
    names = channel.request("start", sensors=["gc", "threads", "loops", "memory"])["sensors"]
    assert names == ["gc", "threads", "loops", "memory"]
    assert sorted(channel.request("read", sensors=dict.fromkeys(names, 0))) == sorted(names)
    cost = channel.cost()
    assert cost.crashes == 0, cost.last_crash
    if leaves:
        channel.close()
    end(process)
    channel.close()
    assert not doors(root, process.pid)


def enter(pid: int) -> Channel:
    until(lambda: find_door(read_facts(pid)) is not None, "no door")
    facts = read_facts(pid)
    door = find_door(facts)
    assert door
    return Channel.connect(door, pid, facts.uid)


def doors(root: Path, pid: int) -> list[Path]:
    return [each for parent in PARENTS for each in (root / parent[1:]).glob(f".kdiag-*-{pid}*")]
