"""A process that does what a test tells it, one JSON line at a time: run a boot text, look at itself, fork, end.

It takes its commands in the main thread; the connection that they come over is the only one, so that its descriptors
are the same before and after.
"""

from __future__ import annotations

import _thread
import contextlib
import gc
import json
import os
import signal
import sys
import threading
import time
import types
from typing import TYPE_CHECKING, Any

from tests.targets import _ready, _residue

if TYPE_CHECKING:
    import socket

_held: dict[str, Any] = {}


def boot(text: str) -> dict[str, Any]:
    """Run a text as PyRun_SimpleString does, on a thread that `threading` does not know."""
    _thread.start_new_thread(exec, (text, sys.modules["__main__"].__dict__))
    return {}


def snapshot() -> dict[str, Any]:
    """See `_residue`."""
    return _residue.snapshot()


def remember_modules() -> dict[str, Any]:
    """Hold weak references to all modules of a probe, to tell later whether they went."""
    import weakref

    found = {name: weakref.ref(module) for name, module in sys.modules.items() if name.startswith("_kdiag_")}
    _held["modules"] = found
    return {"count": len(found)}


def living_modules() -> dict[str, Any]:
    """Which of them are alive after a collection, or anything that was defined in one."""
    gc.collect()
    found = {name for name, reference in _held["modules"].items() if reference() is not None}
    for each in gc.get_objects():
        if isinstance(each, (types.FunctionType, type)) and str(each.__module__).startswith("_kdiag_"):
            found.add(each.__qualname__)
    return {"names": sorted(found)}


def fork(seconds: float) -> dict[str, Any]:
    """Fork a child that looks at itself at once, and stays for a while; return its number and what it saw."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        with os.fdopen(writing, "w") as out:
            out.write(json.dumps(snapshot()))
        time.sleep(seconds)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as seen:
        return {"pid": pid, "snapshot": json.loads(seen.read())}


def fork_in_a_thread(seconds: float) -> dict[str, Any]:
    """Do as `fork`, from another thread."""
    result: dict[str, Any] = {}
    thread = threading.Thread(target=lambda: result.update(fork(seconds)))
    thread.start()
    thread.join()
    return result


def forks(count: int) -> dict[str, Any]:
    """Fork so many children that end at once by themselves; return how they ended."""
    ends = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            sys.exit(0 if not any("kdiag" in name for name in sys.modules) else 1)
        deadline = time.monotonic() + 40
        done, status = 0, 0
        while not done and time.monotonic() < deadline:
            done, status = os.waitpid(pid, os.WNOHANG)
            time.sleep(0.001)
        if not done:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        ends.append(os.WEXITSTATUS(status) if done else -1)
        if not done:
            break
    return {"ends": ends}


def reap(pid: int) -> dict[str, Any]:
    """Wait for a child."""
    return {"status": os.waitpid(pid, 0)[1]}


def close_descriptors() -> dict[str, Any]:
    """Close everything but what we were started with and talk over, as daemons do, and open others."""
    keep = {0, 1, 2, _held["descriptor"]}
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in keep:
            with contextlib.suppress(OSError):
                os.close(int(name))
    _held["mine"] = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
    return {"opened": _held["mine"]}


def mine_are_open() -> dict[str, Any]:
    """Whether those others are still open."""
    return {"open": [os.readlink(f"/proc/self/fd/{each}") == "/dev/null" for each in _held["mine"]]}


def hold_the_interpreter(seconds: float) -> dict[str, Any]:
    """Keep all other threads from running for a while, as a long call into C does."""
    import ctypes

    ctypes.PyDLL(None).usleep(int(seconds * 1e6))
    return {}


def become(seconds: float) -> dict[str, Any]:
    """Replace the program."""
    os.execv("/bin/sleep", ["sleep", str(seconds)])  # noqa: S606 - it is what is tested


COMMANDS = {
    each.__name__: each
    for each in (
        boot, snapshot, remember_modules, living_modules, fork, fork_in_a_thread, forks, reap,
        close_descriptors, mine_are_open, hold_the_interpreter, become,
    )
}  # fmt: skip


def serve(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    _held["descriptor"] = connection.fileno()
    with connection, connection.makefile("rw") as lines:
        for line in lines:
            command = json.loads(line)
            answer = COMMANDS[command.pop("do")](**command)
            lines.write(json.dumps(answer) + "\n")
            lines.flush()


if __name__ == "__main__":
    with _ready.listen() as server:
        _ready.ready(server.getsockname()[1])
        serve(server)
