"""Carries out a change that a playbook proposes: tried, measured before and after, verified, and taken back.

Separate from runs, which only look. The change itself is `engine.collecting`'s, which takes it back however it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.playbooks.evidence import nested
from kdiag.core.playbooks.plan import judge
from kdiag.core.playbooks.trial import Trial, Values
from kdiag.core.report.collector import share
from kdiag.engine.collecting import Change, Settings, Tried, collecting
from kdiag.engine.playbooks.conditions import evaluate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kdiag.core.model import CollectorAccount
    from kdiag.core.playbooks.model import NextStep
    from kdiag.core.playbooks.plan import Run
    from kdiag.engine.inside import WayIn

CHANGES = {"gc.freeze": Change(), "gc.threshold": Change((50_000, 20, 20))}


def proposed(runs: Sequence[Run], action: str) -> NextStep | None:
    """The next step with this action that a run proposes."""
    return next((each for run in runs for each in run.next_steps if each.action.text == action), None)


def act(pid: int, step: NextStep, *, window_s: float, way: WayIn) -> Trial | None:
    """Try the change for a while, and take it back; None where somebody interrupts before it was made.

    Raises:
        KdiagError: the process cannot be entered, or the change cannot be tried.
    """
    watch = collecting(pid, window_s=window_s, way=way, trace=False, change=CHANGES[step.action.text])
    for event in watch.run():
        if isinstance(event, Tried):
            return _trial(step, event)
    return None


def _trial(step: NextStep, tried: Tried) -> Trial:
    before, after = _values(tried.before.account), _values(tried.after.account)
    wanted = step.verify.text
    return Trial(
        step.action.text, step.title, tried.change.words, before, after,
        (judge(wanted, nested(before), evaluate), judge(wanted, nested(after), evaluate)) if wanted else None,
        tried.undone, (Settings.of(tried.before.account).words, tried.left.words if tried.left else ""),
    )  # fmt: skip


def _values(account: CollectorAccount) -> Values:
    span_s = max(account.span_s, 1e-6)
    return (
        ("gc.share", share(account)),
        ("gc.longest_s", account.longest_s),
        ("gc.collections", sum(account.collections) / span_s),
        ("gc.oldest", sum(account.collections[-1:]) / span_s),
        ("gc.asked", float(account.asked)),
        ("gc.frozen", float(account.frozen)),
    )
