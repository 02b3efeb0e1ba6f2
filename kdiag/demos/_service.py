"""What all demo services share: a limited life, permission to be observed, and a ready line.

Separate from the services, so that each of them shows nothing but its own disease.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_PTRACER = 0x59616D61
PR_SET_PTRACER_ANY = ctypes.c_ulong(-1)


def begin(story: str) -> None:
    """Read the command line (`--for SECONDS`) and limit this process's life.

    The process ends by itself after that time, and with the thread that started it. Any process of the same user may
    trace it, which yama's ptrace_scope=1 otherwise allows to parents only.
    """
    parser = argparse.ArgumentParser(description=story, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--for", dest="seconds", type=_seconds, default=300.0, help="end after SECONDS (default 300)")
    seconds = parser.parse_args().seconds
    print(f"{story.splitlines()[0]} PID {os.getpid()}, ends in {seconds:g} s.", file=sys.stderr, flush=True)

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a sick main thread may never get to a KeyboardInterrupt
    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    libc.prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0)  # fails without yama, where nothing has to be allowed


def ready(port: int | None = None) -> None:
    """Say on stdout, in one JSON line, that the service is up and sick."""
    print(json.dumps({"ready": True, "pid": os.getpid(), "port": port}), flush=True)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError("must be more than 0 and at most 86400 seconds")
    return seconds
