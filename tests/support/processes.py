"""Starts processes that are no targets: launchers, renamed interpreters, programs that are not Python.

Separate from `targets`, whose handshake and marks only our own scripts know.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.support.targets import kill

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import IO

READY = "import os, sys, time; print(os.getpid(), flush=True); time.sleep(60)"  # for `python -c`


@contextlib.contextmanager
def running(
    argv: Sequence[str | Path], env: Mapping[str, str] | None = None, stdin: IO[str] | None = None
) -> Iterator[int]:
    """A process that prints a line when it runs, and its PID; it is killed with all that it started."""
    with subprocess.Popen(
        argv,
        stdin=stdin or subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(env or {})},
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert process.stdout.readline(), process.stderr.read().decode()
            yield process.pid
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                kill([*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)])


def thread_names(pid: int) -> list[str]:
    """The kernel's names of a process's threads; those that end while they are read are left out."""
    names = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            names.append(Path(f"/proc/{pid}/task/{thread}/comm").read_text().strip())
    return names
