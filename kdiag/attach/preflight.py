"""What must hold before we look into a process, each failure with its cause and the next command.

It is separate from `process`, which only reads: here is decided. Nothing here touches the target.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from kdiag.attach.denial import explain
from kdiag.attach.memory import AccessDeniedError
from kdiag.attach.permissions import read_permissions, try_reading
from kdiag.attach.process import ProcessFacts, no_such_process, python_descendants, read_facts, read_stat
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from kdiag.core.model import Access

OLDEST = (3, 9)
NEWEST = (3, 15)
STOPPED = "T"
ZOMBIE_STATES = ("Z", "X")
_LISTED = 5  # Python children that an error names


def preflight(pid: int, access_needed: Access = "stacks") -> ProcessFacts:
    """Make sure that a process can be diagnosed, and return its facts.

    A stopped process passes: that is a limitation of what can be seen, for the caller to report.

    Raises:
        KdiagError: `no-such-process`, `zombie-process`, `not-python`, `launcher-with-python-children`,
            `unsupported-version`, `interpreter-without-symbols` (and its kin), `another-debugger`,
            `permission-denied`.
    """
    facts = read_facts(pid)
    _check_alive(facts)
    _check_python(facts)
    _check_version(facts)
    if access_needed != "process":
        _check_tracer(facts)
        _check_permission(facts)
        if facts.interpreter and facts.interpreter.problem:
            raise facts.interpreter.problem
    return facts


def check_same(facts: ProcessFacts) -> None:
    """Make sure that a PID still names the process whose facts were read, and that it lives.

    Raises:
        KdiagError: `no-such-process` or `pid-reused`.
    """
    stat = read_stat(facts.pid)
    if stat.state in ZOMBIE_STATES:
        raise no_such_process(facts.pid)
    if stat.start_time_ticks != facts.start_time_ticks:
        message = f"process {facts.pid} has ended and another process has its PID now"
        raise KdiagError("pid-reused", message, hint="kdiag ps")


def _check_alive(facts: ProcessFacts) -> None:
    if facts.state in ZOMBIE_STATES:
        message = f"process {facts.pid} ({facts.name}) has exited and waits for its parent to reap it"
        cause = f"its parent {facts.parent} has not called wait"
        raise KdiagError("zombie-process", message, cause=cause, hint=f"kdiag diagnose {facts.parent}")


def _check_python(facts: ProcessFacts) -> None:
    if facts.is_python:
        return
    if not facts.visible:
        _check_permission(facts)  # says why we cannot tell
    children = python_descendants(facts.pid)
    if children:
        listed = ", ".join(f"{child.pid} ({child.label})" for child in children[:_LISTED])
        more = f" and {len(children) - _LISTED} more" if len(children) > _LISTED else ""
        message = f"process {facts.pid} ({facts.label}) is not Python, but it started Python: {listed}{more}"
        raise KdiagError("launcher-with-python-children", message, hint=f"kdiag diagnose {children[0].pid}")
    message = f"process {facts.pid} ({facts.label}) is not a CPython process"
    cause = "neither its program nor a library that it has loaded holds a CPython interpreter"
    raise KdiagError("not-python", message, cause=cause, hint="kdiag ps")


def _check_version(facts: ProcessFacts) -> None:
    minor = facts.version[:2]
    if len(minor) == len(OLDEST) and not OLDEST <= minor <= NEWEST:
        version = ".".join(map(str, facts.version))
        message = f"process {facts.pid} runs Python {version}; kdiag knows 3.{OLDEST[1]} to 3.{NEWEST[1]}"
        hint = f"py-spy dump --pid {facts.pid}" if minor < OLDEST else "upgrade kdiag"
        raise KdiagError("unsupported-version", message, hint=hint)


def _check_tracer(facts: ProcessFacts) -> None:
    if not facts.tracer_pid:
        return
    name = "of which nothing is known"
    with contextlib.suppress(KdiagError):
        name = f"({read_facts(facts.tracer_pid).label})"
    message = f"process {facts.pid} is traced already, by process {facts.tracer_pid} {name}"
    cause = "the kernel lets only one debugger or tracer at a process"
    hint = f"kill {facts.tracer_pid}  (or wait until it lets go)"
    raise KdiagError("another-debugger", message, cause=cause, hint=hint)


def _check_permission(facts: ProcessFacts) -> None:
    try:
        try_reading(facts.pid)
    except AccessDeniedError as error:
        raise explain(facts.pid, read_permissions(facts.pid)) from error
