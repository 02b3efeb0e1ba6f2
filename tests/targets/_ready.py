"""What every target does first: live no longer than its test, let itself be traced, and say when it is ready.

Separate from the tests' own support code, because it runs inside the target: standard library only, Python 3.9+.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PR_SET_PDEATHSIG = 1
PR_SET_PTRACER = 0x59616D61
PR_SET_PTRACER_ANY = ctypes.c_ulong(-1)

_write_lock = threading.Lock()


def settle() -> None:
    """Die with the test that started us, and let any process of the same user trace us where yama asks for it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0)  # EINVAL without yama: nothing to allow


def say(**facts: object) -> None:
    """Print one JSON line on stdout, whole, whichever thread says it."""
    with _write_lock:
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()


def ready(port: int | None = None, **facts: object) -> None:
    """Settle, then print the handshake that `start_target` waits for."""
    settle()
    say(ready=True, pid=os.getpid(), port=port, **facts)


def listen(backlog: int = 128) -> socket.socket:
    """A socket that listens on a free loopback port."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", 0))
    server.listen(backlog)
    return server


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 100.0) -> None:
    """Wait for the disease to be in place before saying ready.

    Raises:
        TimeoutError: it did not come about within `timeout_s` seconds.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.01)


def stands_in(thread: threading.Thread, function: Callable[..., object]) -> bool:
    """Whether the innermost Python code that a thread runs now is that function's own: its wait in C, if it has one."""
    frame = sys._current_frames().get(thread.ident or 0)
    return frame is not None and frame.f_code is function.__code__


def stay() -> None:
    """Keep the main thread where a healthy service's main thread is: waiting to be told to end."""
    threading.Event().wait()
