"""Many playbooks on one look at a process, or at a tree of them.

While processes are watched, the runs say how long: a step may ask for more than was seen. What is told is decided once
more, of all that was seen until the end, so that a recording of it takes the same paths with the same values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kdiag.core.playbooks.model import Playbook
from kdiag.core.playbooks.plan import Judged, Run, matches
from kdiag.core.playbooks.story import Triage
from kdiag.engine.playbooks.conditions import evaluate, floats
from kdiag.engine.playbooks.run import paused_too_long, run, wish
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from kdiag.engine.playbooks.looking import Looked, Looking


def triage(
    playbooks: Sequence[Playbook], looked: Looked, window_s: float, *, named: bool,
    begin: Callable[[Playbook], None] = lambda _: None,
) -> tuple[Triage, ...]:  # fmt: skip
    """Look, pick the playbooks whose match holds, and run them on what is seen: of each process.

    Args:
        playbooks: those without faults.
        looked: where the evidence comes from.
        window_s: how much is to be seen before one is picked.
        named: whether a person has named them; then all are run.
        begin: called before the first run of each; a KdiagError keeps it from running, and is told.
    """
    rounds = [_Rounds(playbooks, window_s, named, begin) for _ in looked.processes]
    for each, looking in zip(rounds, looked.processes, strict=True):
        each.run(looking)
    seen = looked.finish()
    return tuple(Triage(given.report, *each.run(given)) for each, given in zip(rounds, seen, strict=True))


@dataclass
class _Rounds:
    """The playbooks on one process: while it is watched, and on all that was seen."""

    playbooks: Sequence[Playbook]
    window_s: float
    named: bool
    begin: Callable[[Playbook], None]
    _begun: set[str] = field(default_factory=set)
    _stopped: dict[str, Run] = field(default_factory=dict)  # by a limit that what was seen does not tell of

    def run(self, looking: Looking) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
        """Those that were run, and those that were passed over."""
        for playbook in self.playbooks if self.named else ():
            wish(playbook, looking)
        evidence = looking.look(self.window_s, self.window_s + 60.0)
        ran, passed_over = [], []
        for playbook in self.playbooks:
            held, matched = matches(playbook, evidence | {"params": floats(playbook.params)}, evaluate)
            if looking.interrupted or not (self.named or held):
                passed_over.append(Run(playbook, matched, ()))
            else:
                ran.append(self._stopped.get(playbook.name) or self._run(playbook, matched, looking))
        return tuple(ran), tuple(passed_over)

    def _run(self, playbook: Playbook, matched: tuple[Judged, ...], looking: Looking) -> Run:
        try:
            if playbook.name not in self._begun:
                self.begin(playbook)
        except KdiagError as error:
            done = Run(playbook, matched, (), stopped=error.message)
        else:
            self._begun.add(playbook.name)
            done = run(playbook, looking, {"window": self.window_s} if "window" in playbook.params else {})
        # For how long looking has stopped the process what was seen does tell, and tells the same to a recording.
        if done.stopped and not looking.interrupted and not paused_too_long(playbook, looking):
            self._stopped[playbook.name] = done
        return done
