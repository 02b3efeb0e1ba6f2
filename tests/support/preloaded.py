"""Starts targets with kdiag's door in them, and goes in by it.

Separate from `targets`, whose processes know nothing of kdiag.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kdiag.attach.channel import Channel
from kdiag.attach.doors import find_door
from kdiag.attach.process import read_facts
from tests.support.interpreters import Interpreter, current
from tests.support.kdiag import command
from tests.support.targets import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OPENS_WITHIN_S = 40.0  # it takes a tenth of a second; the machine may be busy
_PACKAGE = REPOSITORY / "kdiag"


def under_kdiag_run(python: Interpreter | None = None) -> Interpreter:
    """An interpreter that is started by `kdiag run`."""
    python = python or current()
    return replace(python, argv_prefix=(*command("run", "--"), *python.argv_prefix))


@contextlib.contextmanager
def installed_for(python: Interpreter, *, copy: bool = False) -> Iterator[str]:
    """The folder that `kdiag run` puts on PYTHONPATH, as the interpreter's own root shows it.

    Args:
        python: whose root.
        copy: a copy that all users may read, whatever the rights of the repository are.
    """
    if not python.in_chroot and not copy:
        yield str(_PACKAGE / "probe" / "preload")
        return
    folder = Path(tempfile.mkdtemp(prefix="kdiag-installed-", dir=python.root / "tmp"))
    try:
        folder.chmod(0o755)
        shutil.copytree(_PACKAGE, folder / "kdiag", ignore=shutil.ignore_patterns("__pycache__"))
        yield str(Path("/") / folder.relative_to(python.root) / "kdiag" / "probe" / "preload")
    finally:
        shutil.rmtree(folder)


def until(condition: Callable[[], object], what: str, timeout: float = OPENS_WITHIN_S) -> None:
    """Wait until something holds; fails the test when it does not come to."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what}"
        time.sleep(0.01)


def door_of(pid: int) -> Path:
    """The door of a process, once it is open."""
    found: list[Path] = []

    def looked() -> bool:
        door = find_door(read_facts(pid))
        found.extend([door] if door else [])
        return bool(found)

    until(looked, f"process {pid} opens a door")
    return found[0]


def visit(pid: int) -> Channel:
    """A host's connection to the probe of a preloaded process."""
    return Channel.connect(door_of(pid), pid, read_facts(pid).uid)
