"""Carries out a change that a playbook proposes: tried, measured before and after, verified, and taken back.

Separate from runs, which only look. The change itself is `engine.collecting`'s, which takes it back however it ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.playbooks.evidence import Evidence, nested
from kdiag.core.playbooks.plan import Judged, judge
from kdiag.core.report.collector import share
from kdiag.engine.collecting import Change, Tried, collecting
from kdiag.engine.playbooks.conditions import evaluate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kdiag.core.model import CollectorAccount
    from kdiag.core.playbooks.model import NextStep
    from kdiag.core.playbooks.plan import Run
    from kdiag.engine.inside import WayIn

CHANGES = {"gc.freeze": Change(), "gc.threshold": Change((50_000, 20, 20))}


@dataclass(frozen=True, slots=True)
class Acted:
    """A change that was tried, and what its playbook wants to see, before and after; None where it does not say."""

    title: str
    tried: Tried
    before: Judged | None
    after: Judged | None


def proposed(runs: Sequence[Run], action: str) -> NextStep | None:
    """The next step with this action that a run proposes."""
    return next((each for run in runs for each in run.next_steps if each.action.text == action), None)


def act(pid: int, step: NextStep, *, window_s: float, way: WayIn) -> Acted | None:
    """Try the change for a while, and take it back; None where somebody interrupts before it was made.

    Raises:
        KdiagError: the process cannot be entered, or the change cannot be tried.
    """
    watch = collecting(pid, window_s=window_s, way=way, trace=False, change=CHANGES[step.action.text])
    for event in watch.run():
        if isinstance(event, Tried):
            verify = step.verify.text
            return Acted(
                step.title, event,
                judge(verify, _evidence(event.before.account), evaluate) if verify else None,
                judge(verify, _evidence(event.after.account), evaluate) if verify else None,
            )  # fmt: skip
    return None


def _evidence(account: CollectorAccount) -> Evidence:
    return nested([
        ("gc.share", share(account)), ("gc.longest_s", account.longest_s), ("gc.asked", account.asked),
        ("gc.frozen", account.frozen), ("gc.collections", sum(account.collections) / max(account.span_s, 1e-6)),
    ])  # fmt: skip
