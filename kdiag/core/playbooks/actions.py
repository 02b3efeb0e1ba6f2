"""What playbooks can propose to do with a process: which risk each has, and what it is about.

Separate from `COLLECTS`, which only look; the engine carries them out (`engine.playbooks.acting`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.playbooks.model import Risk

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Action:
    """Something that is done with a process after a question, and taken back.

    Attributes:
        risk: the most that it does.
        groups: the groups of evidence that its `verify` can ask for.
    """

    risk: Risk
    groups: tuple[str, ...]
    meaning: str


ACTIONS: Mapping[str, Action] = {
    "gc.freeze": Action("change", ("gc",), "put what is alive out of the collector's sight"),
    "gc.threshold": Action("change", ("gc",), "collect less often: gc.set_threshold(50000, 20, 20)"),
    "guard.dict": Action("hook", ("guard",), "watch a dict in place: who writes, who iterates, what is lost"),
    "tasks.dump": Action("attach", ("tasks",), "asyncio's tasks as a tree: what each awaits"),
}
