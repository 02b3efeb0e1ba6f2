"""The Python interpreters that this machine can run targets on, found by asking each who it is.

Separate from `targets`, because some tests only ask what there is (symbols, offsets) and start nothing.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

CHROOT_VARIABLE = "KDIAG_TEST_CHROOT"
WANTED = ((3, 9), (3, 10), (3, 11), (3, 12), (3, 13), (3, 14), (3, 15))
IN_CHROOT = ((3, 14), (3, 15))
HOST = Path("/")

_WHO = "import json, os, sys; print(json.dumps([list(sys.version_info[:3]), os.path.realpath(sys.executable)]))"


@dataclass(frozen=True)
class Interpreter:
    """One interpreter.

    Attributes:
        name: unique and readable: "3.9.18", "3.11.2-system", "3.14.8-chroot".
        version: major, minor, patch.
        argv_prefix: what to put before the arguments of a Python to start it.
        root: the root folder that it sees; `/` for the machine's own.
        executable: its binary, links resolved, as the host sees it.
    """

    name: str
    version: tuple[int, int, int]
    argv_prefix: tuple[str, ...]
    root: Path
    executable: Path

    @property
    def minor(self) -> tuple[int, int]:
        """Major and minor version."""
        return self.version[:2]

    @property
    def in_chroot(self) -> bool:
        """Whether it sees another root than we do."""
        return self.root != HOST


def current() -> Interpreter:
    """The interpreter that runs the tests, with the frameworks of its environment."""
    found = _look((sys.executable,), HOST, "")
    assert found is not None, f"{sys.executable} runs these tests but does not answer"
    return found


@functools.cache
def interpreters(minimum: tuple[int, int] = (3, 9)) -> tuple[Interpreter, ...]:
    """All interpreters from `minimum` on, oldest first; each binary once."""
    found: dict[Path, Interpreter] = {}
    for argv, root, suffix in _candidates():
        interpreter = _look(argv, root, suffix)
        if interpreter and interpreter.minor >= minimum:
            found.setdefault(interpreter.executable, interpreter)
    return tuple(sorted(found.values(), key=lambda each: (each.version, each.name)))


def each_interpreter(
    minimum: tuple[int, int] = (3, 9), *, argument: str = "python", one_per_minor: bool = False
) -> pytest.MarkDecorator:
    """Parametrise a test over the interpreters; wanted versions that cannot be had are skipped with the reason.

    With `one_per_minor` only the newest patch of each minor version is taken (the machine's own before a chroot's).
    """
    found = list(interpreters(minimum))
    if one_per_minor:
        found = list(
            {each.minor: each for each in sorted(found, key=lambda each: (not each.in_chroot, each.version))}.values()
        )
        found.sort(key=lambda each: each.version)
    parameters = [pytest.param(each, id=each.name) for each in found]
    for minor in WANTED:
        if minor >= minimum and minor not in {each.minor for each in found}:
            reason = why_missing(minor)
            parameters.append(pytest.param(None, id=f"{minor[0]}.{minor[1]}", marks=pytest.mark.skip(reason=reason)))
    return pytest.mark.parametrize(argument, parameters)


def of_minor(minor: tuple[int, int]) -> Interpreter:
    """An interpreter of that minor version; skips the running test with the reason when there is none."""
    for each in interpreters():
        if each.minor == minor:
            return each
    pytest.skip(why_missing(minor))


def why_missing(minor: tuple[int, int]) -> str:
    """Why there is no interpreter of that version, and what would give one."""
    name = f"{minor[0]}.{minor[1]}"
    if minor not in IN_CHROOT:
        return f"{name}: no such interpreter here; `pyenv install {name}`, see CONTRIBUTING"
    if not os.environ.get(CHROOT_VARIABLE):
        return f"{name}: set {CHROOT_VARIABLE}, see CONTRIBUTING"
    if os.geteuid() != 0:
        return f"{name}: entering {CHROOT_VARIABLE} needs root"
    return f"{name}: python{name} does not run in {CHROOT_VARIABLE}={os.environ[CHROOT_VARIABLE]}"


def _candidates() -> Iterator[tuple[tuple[str, ...], Path, str]]:
    """Every command that may be a Python: (argv prefix, root, suffix of the name)."""
    yield (sys.executable,), HOST, ""
    for binary in sorted(Path.home().glob(".pyenv/versions/3.*/bin/python")):
        yield (str(binary),), HOST, ""
    for binary in sorted(Path("/usr/bin").glob("python3*")):
        if re.fullmatch(r"python3(\.\d+)?", binary.name):
            yield (str(binary),), HOST, "-system"
    for major, minor in WANTED:
        on_path = shutil.which(f"python{major}.{minor}")
        if on_path:
            yield (on_path,), HOST, "-path"
    root = os.environ.get(CHROOT_VARIABLE)
    chroot = shutil.which("chroot", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if root and chroot and os.geteuid() == 0:
        for major, minor in IN_CHROOT:
            yield (chroot, root, f"/usr/bin/python{major}.{minor}"), Path(root), "-chroot"


@functools.cache
def _look(argv: tuple[str, ...], root: Path, suffix: str) -> Interpreter | None:
    """Ask a command for its version and binary; None when it is not a Python that runs."""
    try:
        answer = subprocess.run(
            [*argv, "-I", "-S", "-c", _WHO], capture_output=True, text=True, timeout=60, check=True
        ).stdout
        version, executable = json.loads(answer)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    major, minor, patch = version
    binary = Path(executable)
    return Interpreter(
        name=f"{major}.{minor}.{patch}{suffix}",
        version=(major, minor, patch),
        argv_prefix=argv,
        root=root,
        executable=binary if root == HOST else root / binary.relative_to("/"),
    )
