"""Starts one of the package's own sick services as a child, and stops it again."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.demos import DEMOS, Demo
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from collections.abc import Iterator

_STOP_S = 5.0

__all__ = ["DEMOS", "Demo", "RunningDemo", "start_demo"]


@dataclass(frozen=True, slots=True)
class RunningDemo:
    """A sick service that runs now."""

    demo: Demo
    pid: int


@contextlib.contextmanager
def start_demo(demo: Demo) -> Iterator[RunningDemo]:
    """Run a sick service until the block ends; it ends by itself when we die.

    Raises:
        KdiagError: `demo-failed`, with what it printed.
    """
    child = subprocess.Popen(
        [sys.executable, "-m", demo.module], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        yield RunningDemo(demo, _ready_pid(child))
    finally:
        child.terminate()
        try:
            child.communicate(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()


def _ready_pid(child: subprocess.Popen[str]) -> int:
    assert child.stdout is not None  # noqa: S101 - asked for above
    for line in child.stdout:
        with contextlib.suppress(json.JSONDecodeError):
            said = json.loads(line)
            if isinstance(said, dict) and said.get("ready"):
                return int(said["pid"])
    child.wait()
    assert child.stderr is not None  # noqa: S101 - asked for above
    raise KdiagError(
        "demo-failed", f"the demo service ended with {child.returncode} before it was ready",
        cause=child.stderr.read().strip()[-500:], hint="kdiag doctor",
    )  # fmt: skip
