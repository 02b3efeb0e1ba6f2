"""Runs kdiag as its users do: as a process, with its exit code, its data and its diagnostics apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.contracts import checked

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Ran:
    """One run of kdiag."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, decoded; it keeps the contract that it names."""
        return checked(json.loads(self.out))

    @property
    def reference(self) -> str:
        """The kebab-case reference of the error on standard error; "" when there is none."""
        _, found, rest = self.err.partition("error[")
        return rest.partition("]")[0] if found else ""


def command(*arguments: str | float | Path) -> list[str]:
    """The command line of a run."""
    return [sys.executable, "-m", "kdiag", *map(str, arguments)]


def kdiag(*arguments: str | float | Path, timeout: float = 240.0, env: dict[str, str] | None = None) -> Ran:
    """Run kdiag to its end."""
    done = subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)
