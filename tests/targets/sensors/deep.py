"""Crashes at the very end of the stack, with and without the sensor: the service must meet the same."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor

log = logging.getLogger("deep")
log.addHandler(logging.NullHandler())
node: Any = None


def endless() -> None:
    endless()


def at_depth(depth: int) -> None:
    if depth:
        at_depth(depth - 1)
        return
    try:
        _ = node.name
    except AttributeError:
        log.exception("deep")


def outcomes() -> list[str]:
    """How each ends: an endless recursion, then a crash that is logged with ever less room."""
    return [outcome(endless), outcome(at_depth, limit - 60), outcome(at_depth, limit - 40)]


def outcome(function: Any, *arguments: int) -> str:
    try:
        function(*arguments)
    except Exception as exc:
        return type(exc).__name__
    return ""


def at_every_depth() -> set[str]:
    """The same for every room that there may be; where there is not enough even without us it is a RecursionError."""
    return {outcome(at_depth, limit - left) for left in range(120)} - {""}


limit = sys.getrecursionlimit()
before = outcomes()
crashes = sensor("crashes")
crashes.start()
during, deep = outcomes(), at_every_depth()
crashes.tick()
data = crashes.data(0)
crashes.stop()
say(before=before, during=during, deep=sorted(deep), data=data)
