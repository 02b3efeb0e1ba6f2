"""Starts a service with the probe's door in it: which program to run, and the environment that preloads it.

It is separate from the command, because this half is a pure function of the words, the environment and the files that
they name; only `replace_process` acts, and it does not come back.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import kdiag
from kdiag.errors import USAGE, KdiagError

if TYPE_CHECKING:
    from collections.abc import Sequence

NOT_EXECUTABLE, NOT_FOUND = 126, 127  # as env(1) and every shell have it
PRELOAD = Path(kdiag.__file__).parent / "probe" / "preload"

_PYTHON = re.compile(r"python(\d+(\.\d+)*)?[a-z]*")
_INTERPRETERS = ("python3", "python")  # a virtual environment has both, Debian only the first
_BLOCKING = {
    "I": "isolates it from PYTHONPATH",
    "E": "ignores PYTHONPATH",
    "S": "does not import sitecustomize",
}
_WITH_ARGUMENT = frozenset("XW")
_SHEBANG_BYTES = 256  # as many as the kernel reads


@dataclass(frozen=True, slots=True)
class Launch:
    """What is to be executed: the program's path, its arguments with its name first, its environment."""

    program: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


def launch(words: Sequence[str], environment: Mapping[str, str]) -> Launch:
    """Plan a command line; a script, `-m module` and `-c code` get the Python that is first on PATH.

    Raises:
        KdiagError: `command-not-found`, `command-not-executable`, or `preload-ignored` where the command's own Python
            options would keep the probe out.
    """
    arguments = (_python(environment), *words) if _needs_python(words[0]) else tuple(words)
    program = _found(arguments[0], environment)
    option = _blocking_option(program, arguments)
    if option:
        raise KdiagError(
            "preload-ignored", f"Python's option -{option} {_BLOCKING[option]}: nothing can be preloaded.",
            cause=f"it is part of the command, or of the first line of {program}",
            hint="start it without that option, or call kdiag.install() in the service,\n"
            "or start it without kdiag and attach later: kdiag diagnose PID",
            exit_code=USAGE,
        )  # fmt: skip
    return Launch(program, arguments, preloaded(environment))


def preloaded(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with our folder first on PYTHONPATH; what was there stays behind it, for the children too."""
    before = environment.get("PYTHONPATH", "")
    if before.partition(os.pathsep)[0] == str(PRELOAD):
        return dict(environment)
    # What was there stays to the letter: even an empty part of it has a meaning.
    return {**environment, "PYTHONPATH": f"{PRELOAD}{os.pathsep}{before}" if before else str(PRELOAD)}


def replace_process(plan: Launch) -> NoReturn:
    """Become the service: same PID, so that its signals and its exit code are its own.

    Raises:
        KdiagError: `command-not-executable`.
    """
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)  # what is ignored stays so across exec
    try:
        os.execve(plan.program, plan.arguments, plan.environment)  # noqa: S606 - that is the point
    except OSError as error:
        raise _not_executable(plan.program, error.strerror or str(error)) from error


def _needs_python(word: str) -> bool:
    return word.startswith("-") or word.endswith((".py", ".pyz"))


def _python(environment: Mapping[str, str]) -> str:
    for name in _INTERPRETERS:
        if shutil.which(name, path=environment.get("PATH", os.defpath)):
            return name
    raise KdiagError(
        "command-not-found", "There is no python3 on PATH to run the script with.",
        hint="kdiag run -- /path/to/python …", exit_code=NOT_FOUND,
    )  # fmt: skip


def _found(name: str, environment: Mapping[str, str]) -> str:
    found = shutil.which(name, path=environment.get("PATH", os.defpath))
    if found:
        return found
    if Path(name).is_file() and "/" in name:
        raise _not_executable(name, "it is not marked as executable")
    if Path(name).is_dir() and "/" in name:
        raise _not_executable(name, "it is a folder")
    where = "there is no such file" if "/" in name else "it is in no folder of PATH"
    raise KdiagError(
        "command-not-found", f"Cannot run {name!r}: {where}.",
        hint="kdiag run -- python app.py", exit_code=NOT_FOUND,
    )  # fmt: skip


def _not_executable(name: str, reason: str) -> KdiagError:
    return KdiagError(
        "command-not-executable", f"Cannot run {name!r}: {reason}.", hint=f"kdiag run -- python {name}",
        exit_code=NOT_EXECUTABLE,
    )  # fmt: skip


def _blocking_option(program: str, arguments: Sequence[str]) -> str:
    """The letter of the Python option that keeps the probe out, "" when there is none that can be seen."""
    for words in (arguments, _first_line(program)):
        for number, word in enumerate(words):
            if _PYTHON.fullmatch(word.rpartition("/")[2]):
                return _blocking_letter(words[number + 1 :])
            if not word.startswith("-") and "=" not in word and word.rpartition("/")[2] != "env":
                break
    return ""


def _blocking_letter(words: Sequence[str]) -> str:
    """Walk through Python's own options as it does, up to the script."""
    remaining = iter(words)
    for word in remaining:
        if word.startswith("--"):
            next(remaining, None)  # --check-hash-based-pycs MODE
            continue
        if not word.startswith("-") or word == "-":
            return ""
        for position, letter in enumerate(word[1:], start=2):
            if letter in _BLOCKING:
                return letter
            if letter in "cm":
                return ""
            if letter in _WITH_ARGUMENT:
                if position == len(word):
                    next(remaining, None)
                break
    return ""


def _first_line(program: str) -> list[str]:
    """The words after `#!` of a script, none of a binary."""
    try:
        with Path(program).open("rb") as file:
            start = file.read(_SHEBANG_BYTES)
    except OSError:
        return []
    if not start.startswith(b"#!"):
        return []
    return start[2:].partition(b"\n")[0].decode(errors="replace").split()
