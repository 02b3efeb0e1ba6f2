"""Machinery on every interpreter that it must run on: alone, without site-packages, under another package's name."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import kdiag.machinery
from tests.support.interpreters import each_interpreter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.interpreters import Interpreter

MACHINERY = Path(kdiag.machinery.__file__).parent
EXERCISE = Path(__file__).with_name("exercise.py")


@pytest.fixture
def borrowed(python: Interpreter) -> Iterator[Path]:
    """A folder that the interpreter can see, as the host sees it: the machinery as `borrowed`, and the exercise."""
    temporary = python.root / "tmp"
    with tempfile.TemporaryDirectory(prefix="kdiag-borrowed-", dir=temporary) as folder:
        shutil.copytree(MACHINERY, Path(folder, "borrowed"), ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(EXERCISE, folder)
        yield Path(folder)


@each_interpreter()
def test_machinery_runs_alone_on(python: Interpreter, borrowed: Path) -> None:
    seen_as = Path("/") / borrowed.relative_to(python.root)
    answer = subprocess.run(
        [*python.argv_prefix, "-I", "-S", "-W", "error", str(seen_as / "exercise.py"), str(seen_as)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == "exercised", answer.stdout
    assert answer.stderr == ""
