"""The Python processes of this machine, for lists and for finding a target by name or port (psutil).

It is separate from the process source because it looks once at many processes instead of often at one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psutil

from kdiag.attach.process import ProcessFacts, read_facts
from kdiag.errors import KdiagError
from kdiag.sources.sockets import read_sockets

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One Python process in a list.

    Attributes:
        started_at: seconds since the epoch.
        cpu_s: user and system seconds since its start.
        cpu_percent: of one core, on average since it started.
        rss: bytes.
    """

    facts: ProcessFacts
    started_at: float
    cpu_s: float
    cpu_percent: float
    rss: int
    threads: int


def python_processes() -> Iterator[ProcessRow]:
    """All Python processes that can be told as such, by PID; kdiag itself is left out."""
    for pid in sorted(psutil.pids()):
        if pid == os.getpid():
            continue
        row = _row(pid)
        if row is not None:
            yield row


def _row(pid: int) -> ProcessRow | None:
    try:
        facts = read_facts(pid)
        if not facts.is_python or facts.state == "Z":
            return None
        process = psutil.Process(pid)
        with process.oneshot():
            times, started = process.cpu_times(), process.create_time()
            age = max(datetime.now(UTC).timestamp() - started, 0.1)
            used_s = times.user + times.system
            return ProcessRow(
                facts, started, used_s, 100.0 * used_s / age, process.memory_info().rss, process.num_threads()
            )
    except (KdiagError, psutil.Error):  # it ended, or it may not be looked at
        return None


def started_at(pid: int) -> datetime:
    """When a process started; the epoch when it is gone."""
    try:
        return datetime.fromtimestamp(psutil.Process(pid).create_time(), UTC)
    except psutil.Error:
        return datetime.fromtimestamp(0, UTC)


def listening_on(pid: int, port: int) -> bool:
    """Whether the process has a listening TCP socket on this port."""
    inodes = set()
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            link = os.readlink(f"/proc/{pid}/fd/{name}")
            if link.startswith("socket:["):
                inodes.add(int(link[8:-1]))
    except OSError:  # it ended, or it may not be looked at
        return False
    return port in read_sockets(pid, inodes).listening_ports
