"""Takes a probe out of a process at once, whoever else uses it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.attach.channel import Channel
from kdiag.attach.denial import explain
from kdiag.attach.doors import find_door, hidden
from kdiag.attach.permissions import read_permissions
from kdiag.attach.preflight import preflight
from kdiag.attach.process import ProcessFacts, python_descendants
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Detached:
    """What was done about one process.

    Attributes:
        probe: "none" was there, it is "gone", or it "rests": a preloaded one keeps its door.
        others: how many other hosts used it.
    """

    pid: int
    label: str
    probe: str
    others: int = 0


def detach(pid: int, *, children: bool) -> Iterator[Detached]:
    """Take the probe out of a process, and with `children` out of the Python processes below it.

    Raises:
        KdiagError: the process cannot be reached, or its probe does not answer.
    """
    facts = preflight(pid, "process")
    yield _detach(facts)
    for below in python_descendants(pid) if children else ():
        with contextlib.suppress(KdiagError):  # it ended meanwhile, or is not for us: nobody asked for it by name
            yield _detach(below)


def _detach(facts: ProcessFacts) -> Detached:
    door = find_door(facts)
    if door is None:
        if hidden(facts.pid):
            raise explain(facts.pid, read_permissions(facts.pid))
        return Detached(facts.pid, facts.label, "none")
    channel = Channel.connect(door, facts.pid, facts.uid)
    try:
        hello = channel.hello()
    finally:
        channel.leave()
    return Detached(facts.pid, facts.label, "rests" if hello.preloaded else "gone", hello.hosts - 1)
