"""What this machine lets us see: each check with what was found, why it matters, and how to get more."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal

from kdiag.attach.permissions import YAMA, read_permissions
from kdiag.attach.preflight import NEWEST, OLDEST, preflight
from kdiag.engine.ways import taken_by_itself, ways_in
from kdiag.errors import KdiagError
from kdiag.sources.tools import py_spy_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kdiag.attach.process import ProcessFacts

Status = Literal["ok", "limited", "missing"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `fix` is the exact next step, "" when all is well."""

    name: str
    status: Status
    found: str
    fix: str = ""

    def to_json(self) -> dict[str, Any]:
        """The check as plain data."""
        return asdict(self)


def checkup(pid: int | None) -> Iterator[Check]:
    """All checks of this machine, and with a PID those of that process."""
    yield _platform()
    yield _own_python()
    yield _py_spy()
    yield _library("pystack")
    yield _ptrace()
    yield _container()
    if pid is not None:
        yield from _process(pid)


def _platform() -> Check:
    system, machine = platform.system(), platform.machine()
    if system != "Linux":
        return Check("platform", "missing", f"{system} on {machine}", "kdiag observes processes on Linux")
    if machine not in {"x86_64", "aarch64"}:
        return Check("platform", "limited", f"Linux on {machine}", "thread waits are told on x86-64 and aarch64 only")
    return Check("platform", "ok", f"Linux {platform.release()} on {machine}")


def _own_python() -> Check:
    found = f"Python {platform.python_version()}, for targets on {_dotted(OLDEST)} to {_dotted(NEWEST)}"
    return Check("kdiag", "ok", f"kdiag {metadata.version('kdiag')} on {found}")


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _py_spy() -> Check:
    try:
        answer = subprocess.run(
            [str(py_spy_path()), "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (KdiagError, OSError, subprocess.SubprocessError) as error:
        return Check("py-spy", "missing", str(error), f"{sys.executable} -m pip install py-spy")
    return Check("py-spy", "ok", answer.stdout.strip())


def _library(name: str) -> Check:
    try:
        return Check(name, "ok", f"{name} {metadata.version(name)}")
    except metadata.PackageNotFoundError:
        return Check(name, "limited", "not installed: no second opinion on stacks", f"pip install {name}")


def _ptrace() -> Check:
    try:
        scope = int(YAMA.read_text())
    except (OSError, ValueError):
        scope = 0
    if read_permissions(os.getpid()).may_ptrace:
        return Check("ptrace", "ok", "CAP_SYS_PTRACE: every process of this machine (or container) can be looked into")
    if scope == 0:
        return Check("ptrace", "ok", "processes of your own user can be looked into")
    fix = f"echo 0 | sudo tee {YAMA}  (or: sudo kdiag diagnose PID)"
    return Check("ptrace", "limited", f"kernel.yama.ptrace_scope is {scope}", fix)


def _container() -> Check:
    permissions = read_permissions(os.getpid())
    if not permissions.container:
        return Check("container", "ok", "kdiag runs in no container: it sees the processes of all of them")
    if permissions.may_ptrace:
        return Check(
            "container", "ok", "kdiag runs in a container with CAP_SYS_PTRACE: it sees this container's processes"
        )
    return Check(
        "container", "limited", "kdiag runs in a container without CAP_SYS_PTRACE: its own user only, at best",
        "docker run --cap-add SYS_PTRACE …, or run kdiag on the host against the container's process",
    )  # fmt: skip


def _process(pid: int) -> Iterator[Check]:
    name = f"process {pid}"
    try:
        facts = preflight(pid, "process")
    except KdiagError as error:
        yield Check(name, "missing", _joined(error), error.hint)
        return
    version = _dotted(facts.version) or "unknown version"
    where = "" if facts.root == "host" else ", in another root"
    yield Check(name, "ok", f"Python {version} ({facts.build}){where}")
    yield _checked("stacks", "its stacks and its collector can be read", lambda: preflight(pid, "stacks"))
    yield from _ways(facts)


def _ways(facts: ProcessFacts) -> Iterator[Check]:
    ways = ways_in(facts)
    for way in ways:
        if way.problem is None:
            yield Check(f"attach {way.name}", "ok", "open")
        else:
            yield Check(f"attach {way.name}", "limited", _joined(way.problem), way.problem.hint)
    chosen = taken_by_itself(ways)
    if chosen is None:
        yield Check("attach auto", "limited", "stays outside", f"kdiag diagnose {facts.pid} --attach none")
    else:
        yield Check("attach auto", "ok", f"goes in by {chosen}")


def _checked(name: str, found: str, attempt: Callable[[], object]) -> Check:
    try:
        attempt()
    except KdiagError as error:
        return Check(name, "limited", _joined(error), error.hint)
    return Check(name, "ok", found)


def _joined(error: KdiagError) -> str:
    return f"{error.message}: {error.cause}" if error.cause else error.message
