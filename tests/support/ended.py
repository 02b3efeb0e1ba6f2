"""Runs programs to their end with kdiag's door in them, and reads what they leave.

Separate from `preloaded`, whose processes live.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kdiag.sources.crash_records import read_folder
from tests.support.interpreters import Interpreter
from tests.support.preloaded import installed_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.model import Ended


@dataclass(frozen=True)
class Grave:
    """Where processes of one interpreter end, and what they leave there."""

    python: Interpreter
    home: Path  # as we see it
    preload: str

    @property
    def records(self) -> Path:
        """The folder of records; it is not there without a crash."""
        return self.home / "kdiag"

    @property
    def env(self) -> dict[str, str]:
        """The environment of a preloaded process that leaves its record here."""
        return {**self.state, "PYTHONPATH": self.preload}

    @property
    def state(self) -> dict[str, str]:
        """What says where a record is left."""
        return {"XDG_STATE_HOME": str(Path("/") / self.home.relative_to(self.python.root))}

    def run(self, program: str, *options: str, preloaded: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        return subprocess.run(
            [*self.python.argv_prefix, *options, "-c", program], capture_output=True, text=True, timeout=110,
            check=False, env={**os.environ, **(self.env if preloaded else self.state)},
        )  # fmt: skip

    def left(self) -> list[Ended]:
        """The records, oldest first."""
        try:
            return sorted(read_folder(self.records), key=lambda ended: ended.at)
        except FileNotFoundError:  # it comes with the first, and goes with the last
            return []


@contextlib.contextmanager
def grave(python: Interpreter) -> Iterator[Grave]:
    """A place for records, empty at first."""
    with (
        installed_for(python) as preload,
        tempfile.TemporaryDirectory(prefix="kdiag-grave-", dir=python.root / "tmp") as folder,
    ):
        yield Grave(python, Path(folder), preload)
