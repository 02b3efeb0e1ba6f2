"""The facts of a process: what the operating system says of it, and which interpreter runs in it.

Reading facts never fails for lack of permission: what could not be seen stays unknown, and `preflight` decides
whether that is an obstacle.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kdiag.attach.interpreter import Build, Interpreter, find_interpreter, version_of_name
from kdiag.attach.memory import AccessDeniedError, TargetEndedError
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROC = Path("/proc")
_EXITING = 0x4  # PF_EXITING among the kernel's flags of a task


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """One process at one moment.

    Attributes:
        state: the kernel's letter: R, S, D, T (stopped), t (stopped by a tracer), Z (zombie), I, X.
        start_time_ticks: clock ticks from boot to its start; with the PID it names the process for good.
        uid: effective user, as we see it.
        tracer_pid: who traces it, 0 for nobody.
        ns_pids: its PID in each namespace from ours inwards; more than one when it lives in a PID namespace below.
        exe: its program, None when we may not know.
        interpreter: the CPython in it, None when there is none or we may not know (`visible` is False).
        visible: whether we may read its memory map; without, only names tell whether it is Python.
        root: whether it sees our root folder; "host" when we may not know.
    """

    pid: int
    parent: int
    state: str
    start_time_ticks: int
    uid: int
    tracer_pid: int
    ns_pids: tuple[int, ...]
    name: str
    command: tuple[str, ...]
    exe: str | None
    interpreter: Interpreter | None
    visible: bool
    root: Literal["host", "other"]

    @property
    def is_python(self) -> bool:
        """Whether it runs CPython; guessed by the names of its program and command where we may not look."""
        if self.visible:
            return self.interpreter is not None
        return self._named_version is not None

    @property
    def version(self) -> tuple[int, ...]:
        """(3, 11, 7), shorter where the rest is not known, () when nothing is."""
        if self.interpreter:
            return self.interpreter.version
        return self._named_version or ()

    @property
    def build(self) -> Build:
        """How the interpreter was built; "release" where that is not known."""
        return self.interpreter.build if self.interpreter else "release"

    @property
    def label(self) -> str:
        """A short name for messages: the program, and the script or module; other arguments may hold secrets."""
        program = (self.command[0] if self.command else self.name).rpartition("/")[2] or self.name
        arguments = self.command[1:]
        if self.is_python and len(arguments) > 1 and arguments[0] == "-m":
            return f"{program} -m {arguments[1]}"
        if self.is_python and arguments and arguments[0].endswith(".py"):
            return f"{program} {arguments[0].rpartition('/')[2]}"
        return program

    @property
    def own_pid(self) -> int:
        """Its PID to itself."""
        return self.ns_pids[-1]

    @property
    def same_pid_namespace(self) -> bool:
        """Whether its PID is the same to itself as to us."""
        return len(self.ns_pids) == 1

    @property
    def _named_version(self) -> tuple[int, ...] | None:
        for path in (self.exe or "", *self.command[:1], self.name):
            named = version_of_name(path.rpartition("/")[2])
            if named:
                return named[0]
        return None


@dataclass(frozen=True, slots=True)
class Stat:
    """The fields of `/proc/PID/stat` that we use.

    Attributes:
        ending: it has been killed, or ends by itself: its memory and files may be gone before it is a zombie.
    """

    pid: int
    name: str
    state: str
    parent: int
    start_time_ticks: int
    ending: bool = False


def read_facts(pid: int) -> ProcessFacts:
    """Read all facts of a process.

    Raises:
        KdiagError: `no-such-process`.
    """
    stat = read_stat(pid)
    try:
        status = parse_status((PROC / str(pid) / "status").read_text(errors="surrogateescape"))
        command = _command((PROC / str(pid) / "cmdline").read_bytes())
    except OSError as error:
        raise no_such_process(pid) from error
    interpreter, visible = _look_inside(pid)
    return ProcessFacts(
        pid=pid,
        parent=stat.parent,
        state=stat.state,
        start_time_ticks=stat.start_time_ticks,
        uid=int(status["Uid"].split()[1]),
        tracer_pid=int(status["TracerPid"]),
        ns_pids=tuple(int(part) for part in status.get("NSpid", str(pid)).split()),
        name=stat.name,
        command=command,
        exe=_exe(pid),
        interpreter=interpreter,
        visible=visible,
        root=_root(pid),
    )


def read_stat(pid: int) -> Stat:
    """Read the state and the start time of a process.

    Raises:
        KdiagError: `no-such-process`.
    """
    try:
        return parse_stat((PROC / str(pid) / "stat").read_text(errors="surrogateescape"))
    except OSError as error:
        raise no_such_process(pid) from error


def no_such_process(pid: int) -> KdiagError:
    """The error for a PID that names no process."""
    message = f"there is no process {pid}"
    return KdiagError(
        "no-such-process", message, cause="it has ended, or the PID is of another PID namespace", hint="kdiag ps"
    )


def parse_stat(text: str) -> Stat:
    """Parse the text of `/proc/PID/stat`; the name in it may hold spaces, parentheses and newlines."""
    pid, _, rest = text.partition(" (")
    name, _, tail = rest.rpartition(") ")
    fields = tail.split()
    return Stat(
        int(pid),
        name,
        state=fields[0],
        parent=int(fields[1]),
        start_time_ticks=int(fields[19]),
        ending=bool(int(fields[6]) & _EXITING),
    )


def parse_status(text: str) -> dict[str, str]:
    """Parse the text of `/proc/PID/status` into its fields."""
    pairs = (line.partition(":") for line in text.splitlines())
    return {key: value.strip() for key, _, value in pairs}


def all_stats() -> Iterator[Stat]:
    """The state of every process that there is; those that end meanwhile are left out."""
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                yield parse_stat((entry / "stat").read_text(errors="surrogateescape"))


def python_descendants(pid: int, stats: Iterable[Stat] | None = None) -> tuple[ProcessFacts, ...]:
    """The Python processes that a launcher started: on each branch below it the first one, by PID."""
    children: dict[int, list[int]] = {}
    for stat in all_stats() if stats is None else stats:
        children.setdefault(stat.parent, []).append(stat.pid)
    found: list[ProcessFacts] = []
    to_look_at = list(children.get(pid, ()))
    while to_look_at:
        child = to_look_at.pop()
        with contextlib.suppress(KdiagError):
            facts = read_facts(child)
            if facts.is_python:
                found.append(facts)
            else:
                to_look_at += children.get(child, ())
    return tuple(sorted(found, key=lambda facts: facts.pid))


def _look_inside(pid: int) -> tuple[Interpreter | None, bool]:
    try:
        return find_interpreter(pid), True
    except AccessDeniedError:
        return None, False
    except TargetEndedError as error:
        raise no_such_process(pid) from error


def _exe(pid: int) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return None


def _root(pid: int) -> Literal["host", "other"]:
    try:
        theirs, ours = (PROC / str(pid) / "root").stat(), (PROC / "self" / "root").stat()
    except OSError:
        return "host"
    return "host" if (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino) else "other"


def _command(raw: bytes) -> tuple[str, ...]:
    """The arguments of a process; a process may have overwritten them (setproctitle), then they are one text."""
    return tuple(os.fsdecode(part) for part in raw.rstrip(b"\0").split(b"\0")) if raw.strip(b"\0") else ()
