"""What stays of an exception that ends the process: a record on disk, for `kdiag crashes` when the process is gone.

Separate from the hooks, which tell a host that listens: here nobody does, and nothing may be hooked for a service's
whole life, for there is code that behaves differently where `sys.excepthook` is not Python's own.

- So the exception is looked up at the end, where Python itself has left it (`sys.last_value`).
- A record holds types, places and names of variables; a message only where it is Python's own, about a None or a
  container that changed.
- Records are lines of one file; what is too much goes, by halves.
"""

from __future__ import annotations

import os
import sys
import time

from .state import identity, in_state_folder, who

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SCHEMA = "kdiag.crash/v1"
RECORDS = "crashes.jsonl"
OLDER = ".1"
MOST_BYTES = 256 * 1024  # of the records; as many again that are older
_LOCK_TRIES = 20
_LOCK_PAUSE_S = 0.01
_STARTERS = frozenset({"__main__", "runpy"})  # the modules that a program begins in


def leave_record() -> None:
    """If the process ends by an exception, write that down; to be called when it ends.

    Raises:
        OSError: it cannot be written.
    """
    crash = uncaught()
    if crash is not None:
        record = record_of(crash)
        in_state_folder(lambda folder: append(folder, record))


def uncaught() -> BaseException | None:
    """The exception that ends this process, None where it ends otherwise.

    Python keeps the last one that it has printed. One that was raised within a callback of C may be printed, too, but
    then the program went on: its stack does not begin where a program does.
    """
    exc = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if not isinstance(exc, Exception) or exc.__traceback__ is None:
        return None
    outermost = exc.__traceback__.tb_frame
    return exc if outermost.f_back is None and outermost.f_globals.get("__name__") in _STARTERS else None


def record_of(exc: BaseException) -> dict[str, Any]:
    """The record of an exception that ends the process; `crash` is as the sensor of crashes tells it."""
    from .hooks import facts, kinds, operand  # noqa: PLC0415 - nothing of it is needed before

    root = kinds.roots(exc)[0]
    kind = kinds.kind_of(root)
    message = "" if kind == kinds.OTHER else kinds.message_of(root)
    spots = [spot for spot in facts.stack_of(root) if spot.frame.f_globals.get("__name__") != "runpy"]
    pid, parent, python, program = who()
    return {
        "schema": SCHEMA,
        "at": time.time(),
        "pid": pid,
        "parent": parent,
        "python": python,
        "program": program,
        "uncaught": kinds.type_of(exc),
        "crash": {
            "type": kinds.type_of(root),
            "message": message,
            "kind": kind,
            "frames": facts.describe(spots),
            "used": operand.used_at(spots[0], message) if kind == kinds.NIL and spots else None,
        },
    }


def append(folder: str, record: dict[str, object]) -> None:
    """Add a record; if it does not fit, what was there becomes what is older.

    Raises:
        OSError: it cannot be written.
    """
    import json  # noqa: PLC0415 - a service that never crashes need not load it

    line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
    path = f"{folder}/{RECORDS}"
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _lock(descriptor)
            if identity(descriptor) != _identity_of(path):
                continue  # another process has just begun a new one
            size = os.fstat(descriptor).st_size
            if size == 0 or size + len(line) <= MOST_BYTES:
                os.write(descriptor, line)
                return
            os.rename(path, path + OLDER)
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Lock a file, or do without where that lasts too long: whoever holds it may have been stopped."""
    for _ in range(_LOCK_TRIES):
        try:
            os.lockf(descriptor, os.F_TLOCK, 0)
        except OSError:
            time.sleep(_LOCK_PAUSE_S)
        else:
            return


def _identity_of(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
