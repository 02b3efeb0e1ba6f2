"""Which ways into a process are open, and why the others are not; told without touching it.

It is separate from attaching, which takes the first that is open and explains only what it tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.attach import entry, pep768
from kdiag.attach.bundle import boot_text
from kdiag.attach.doors import find_door, hidden
from kdiag.attach.preflight import preflight
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from kdiag.attach.process import ProcessFacts

_FORBIDDEN = "remote-debugging-disabled"


@dataclass(frozen=True, slots=True)
class WayIn:
    """One way into one process; `problem` says why it is closed, None that it is open."""

    name: str
    problem: KdiagError | None


def ways_in(facts: ProcessFacts) -> tuple[WayIn, ...]:
    """All ways into a process, in the order in which they are tried."""
    denied = _denied(facts.pid)
    return (
        WayIn("preloaded", _no_door(facts)),
        WayIn("pep768", denied or pep768.refusal(facts)),
        WayIn("ptrace", denied or entry.refusal(facts, boot_text(facts.own_pid))),
    )


def taken_by_itself(ways: tuple[WayIn, ...]) -> str | None:
    """The way that `--attach auto` takes; None when it stays outside.

    Where the service has switched off remote debugging, ptrace is not tried by itself either.
    """
    forbidden = any(way.problem is not None and way.problem.reference == _FORBIDDEN for way in ways)
    return next((way.name for way in ways if way.problem is None and not (forbidden and way.name == "ptrace")), None)


def _no_door(facts: ProcessFacts) -> KdiagError | None:
    if find_door(facts) is not None:
        return None
    if hidden(facts.pid):
        message, hint = "its folders may not be looked into, so a door would not be seen", "sudo kdiag doctor"
        return KdiagError("permission-denied", message, hint=f"{hint} {facts.pid}")
    message = (
        "no door is open: it was not started by kdiag run, or with an option that keeps the probe out (-I, -E, -S)"
    )
    return KdiagError("no-probe", message, hint="kdiag run -- COMMAND, or kdiag.install() in the service")


def _denied(pid: int) -> KdiagError | None:
    try:
        preflight(pid, "stacks")
    except KdiagError as error:
        return error
    return None
