"""From what a person names (a PID, a pattern, a port) to a process that can be observed, or a clear word why not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kdiag.core.redact import redact_command
from kdiag.errors import USAGE, KdiagError
from kdiag.sources.processes import ProcessRow, listening_on, python_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SHOWN = 8  # candidates listed in an error


def find_pid(pid: int | None, name: str | None, port: int | None) -> int:
    """The PID that is meant; exactly one of the three must be given.

    Raises:
        KdiagError: `usage`, `bad-pattern`, `no-match`, `ambiguous-target`.
    """
    if sum(given is not None for given in (pid, name, port)) != 1:
        raise KdiagError(
            "usage", "Name one process: PID, --name PATTERN or --port N.", hint="kdiag ps", exit_code=USAGE
        )
    if pid is not None:
        return pid
    if name is not None:
        pattern = _compile(name)
        return _only(lambda row: bool(pattern.search(" ".join(row.facts.command))), f"matches {name!r}")
    return _only(lambda row: listening_on(row.facts.pid, port or 0), f"listens on TCP port {port}")


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise KdiagError(
            "bad-pattern", f"{pattern!r} is no regular expression: {error}.", hint="Escape special characters with \\.",
            exit_code=USAGE,
        ) from error  # fmt: skip


def _only(matches: Callable[[ProcessRow], bool], what: str) -> int:
    rows = [row for row in python_processes() if matches(row)]
    if not rows:
        raise KdiagError(
            "no-match", f"No Python process {what}.",
            cause="There is none, or it belongs to another user and its details may not be read.", hint="kdiag ps",
        )  # fmt: skip
    head = _common_ancestor(rows)
    if head is None:
        raise KdiagError(
            "ambiguous-target", f"{len(rows)} Python processes match: {_listed(rows)}.",
            hint=f"kdiag diagnose {rows[0].facts.pid}", exit_code=USAGE,
        )  # fmt: skip
    return head


def _common_ancestor(rows: Sequence[ProcessRow]) -> int | None:
    """The one process of which all others here descend (a server's master and its workers), if there is one."""
    pids = {row.facts.pid for row in rows}
    heads = [row.facts.pid for row in rows if row.facts.parent not in pids]
    return heads[0] if len(heads) == 1 else None


def _listed(rows: Sequence[ProcessRow]) -> str:
    commands = ((row.facts.pid, " ".join(redact_command(row.facts.command))) for row in rows[:_SHOWN])
    shown = ", ".join(f"{pid} ({command[:40]})" for pid, command in commands)
    return shown + (f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else "")
