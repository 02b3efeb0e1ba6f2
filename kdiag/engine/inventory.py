"""The Python processes of this machine as rows of a list: for `kdiag ps` and for pickers."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kdiag.attach.doors import find_door
from kdiag.attach.permissions import access_level
from kdiag.core.model import Access
from kdiag.core.redact import redact_command
from kdiag.core.report.layout import clean
from kdiag.core.report.quantity import quantity
from kdiag.machinery.clock import REAL, Clock
from kdiag.sources.processes import ProcessRow, python_processes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.attach.process import ProcessFacts

# From one look to the next, some seconds later.
_BUSY_PERCENT = 90.0  # of one core
_GROWN_BYTES = 1 << 20
_GROWN_THREADS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One process: what psutil says of it, and how deep it may be looked into."""

    process: ProcessRow
    access: Access
    uptime_s: float

    @property
    def command(self) -> tuple[str, ...]:
        """The command line, redacted."""
        return redact_command(self.process.facts.command)

    @property
    def python(self) -> str:
        """The version as far as it is known, with the build where it is a special one."""
        facts = self.process.facts
        version = ".".join(map(str, facts.version)) or "?"
        return version if facts.build == "release" else f"{version} {facts.build}"

    def cells(self) -> tuple[str, ...]:
        """PID, Python, uptime, CPU, RSS, threads, access, command."""
        row = self.process
        return (
            str(row.facts.pid), self.python, _uptime(self.uptime_s), f"{row.cpu_percent:.1f}",
            quantity(row.rss, "bytes"), str(row.threads), self.access, clean(" ".join(self.command)),
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """The row as plain data; uptime in seconds, RSS in bytes, CPU in percent of one core since the start."""
        row = self.process
        return {
            "pid": row.facts.pid, "parent": row.facts.parent, "python": ".".join(map(str, row.facts.version)),
            "build": row.facts.build, "root": row.facts.root, "uptime_s": round(self.uptime_s, 1),
            "cpu_percent": round(row.cpu_percent, 1), "rss_bytes": row.rss, "threads": row.threads,
            "access": self.access, "command": list(self.command),
        }  # fmt: skip


def inventory() -> list[Row]:
    """All Python processes but kdiag itself, by PID."""
    now = datetime.now(UTC).timestamp()
    return [Row(row, _access(row.facts), max(now - row.started_at, 0.0)) for row in python_processes()]


@dataclass(frozen=True, slots=True)
class Living:
    """One process as it is now, compared with the last look.

    Attributes:
        cpu_percent: of one core, since the last look; at the first one since its start.
        alarms: what looks sick from afar, in a word or two each.
    """

    row: Row
    cpu_percent: float
    alarms: tuple[str, ...]


@dataclass
class Rounds:
    """Looks at all Python processes again and again, for a list that shows which of them may be sick.

    These are vital signs, not findings: they only say where to look first.
    """

    clock: Clock = REAL
    _before: dict[tuple[int, float], ProcessRow] = field(default_factory=dict, init=False)
    _looked_at: float = field(default=0.0, init=False)

    def look(self) -> list[Living]:
        """All Python processes but kdiag itself, those with alarms first, then by CPU."""
        rows, now = inventory(), self.clock.now()
        elapsed_s = now - self._looked_at if self._before else 0.0
        living = [self._compared(row, elapsed_s) for row in rows]
        self._before = {(row.process.facts.pid, row.process.started_at): row.process for row in rows}
        self._looked_at = now
        return sorted(living, key=lambda each: (-len(each.alarms), -each.cpu_percent, each.row.process.facts.pid))

    def _compared(self, row: Row, elapsed_s: float) -> Living:
        now = row.process
        before = self._before.get((now.facts.pid, now.started_at))
        if before is None or elapsed_s <= 0:
            return Living(row, now.cpu_percent, tuple(_alarms(now, now, now.cpu_percent)))
        cpu_percent = 100.0 * (now.cpu_s - before.cpu_s) / elapsed_s
        return Living(row, cpu_percent, tuple(_alarms(before, now, cpu_percent)))


def _alarms(before: ProcessRow, now: ProcessRow, cpu_percent: float) -> Iterator[str]:
    if now.facts.state in {"T", "t"}:
        yield "stopped"
    if now.facts.state == "D":
        yield "stuck in I/O"
    if cpu_percent >= _BUSY_PERCENT:
        yield "busy"
    if now.rss - before.rss >= _GROWN_BYTES:
        yield "memory grows"
    if now.threads - before.threads >= _GROWN_THREADS:
        yield "threads grow"


def _access(facts: ProcessFacts) -> Access:
    """How deep it may be looked into without bringing anything in: "probe" where a door is open for us."""
    if os.geteuid() in {0, facts.uid} and find_door(facts) is not None:
        return "probe"
    return access_level(facts.pid)


def _uptime(seconds: float) -> str:
    """Two units at the most: "3d 4h", "2h 5m", "41s"."""
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, length)
        if count or parts:
            parts.append(f"{int(count)}{unit}")
        if len(parts) == 2:
            break
    return " ".join(parts) or "0s"
