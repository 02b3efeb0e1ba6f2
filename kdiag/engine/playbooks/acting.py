"""Carries out what a playbook proposes: tried, seen before and after, verified, and taken back.

Separate from runs, which only look. What is done is the engine's of `kdiag gc`, `guard` and `tasks`, which take it back
however they end.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kdiag.core.playbooks.evidence import nested
from kdiag.core.playbooks.plan import judge
from kdiag.core.playbooks.trial import Trial, Values
from kdiag.core.report import guard, tasks
from kdiag.core.report.collector import share
from kdiag.core.report.style import PLAIN
from kdiag.core.report.waits import Waits
from kdiag.engine.collecting import Change, CollectorTotal, Settings, Stretch, Tried, collecting
from kdiag.engine.guarding import guarding
from kdiag.engine.playbooks.conditions import evaluate
from kdiag.engine.waiting import waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kdiag.core.model import CollectorAccount
    from kdiag.core.playbooks.model import NextStep
    from kdiag.core.playbooks.plan import Judged, Run
    from kdiag.engine.inside import WayIn

CHANGES = {"gc.freeze": Change(), "gc.threshold": Change((50_000, 20, 20))}
_WIDTH = 100
_MOST_LINES = 200  # of what an action brought to light


def proposed(runs: Sequence[Run], action: str) -> tuple[NextStep, str] | None:
    """The next step with this action that a run proposes, and the condition under which its incident is over."""
    found = ((each, run.playbook.clear.text) for run in runs for each in run.next_steps if each.action.text == action)
    return next(found, None)


def words(action: str, about: str = "") -> str:
    """What an action does to the process, as a person is asked."""
    if action in CHANGES:
        return CHANGES[action].words
    if action == "tasks.dump":
        return "a probe goes in and looks at all tasks"
    return f"a probe goes in and watches {about or 'all dicts that are global variables or attributes of classes'}"


def act(pid: int, step: NextStep, clear: str, *, window_s: float, way: WayIn) -> Trial | None:
    """Do it for a while, and take it back; None where somebody interrupts before it was done.

    Each second with the change it is judged whether the incident is over (`clear`).

    Raises:
        KdiagError: the process cannot be entered, or that cannot be done there.
    """
    match step.action.text:
        case "guard.dict":
            return _guarded(pid, step, window_s, way)
        case "tasks.dump":
            return _dumped(pid, step, way)
    watch = collecting(pid, window_s=window_s, way=way, trace=False, change=CHANGES[step.action.text])
    changed, since = False, None
    for event in watch.run():
        match event:
            case CollectorTotal():
                changed = True
            case Stretch() if changed and clear:
                holds = judge(clear, nested(_of_collector(event.account)), evaluate).holds
                began = max(0.0, event.elapsed_s - event.account.span_s)
                since = (began if since is None else since) if holds else None
            case Tried():
                return replace(_changed(step, clear, event), clear_after_s=since)
    return None


def _changed(step: NextStep, clear: str, tried: Tried) -> Trial:
    before, after = _of_collector(tried.before.account), _of_collector(tried.after.account)
    return Trial(
        step.action.text, step.title, tried.change.words, before, after, _verified(step, before, after), tried.undone,
        (Settings.of(tried.before.account).words, tried.left.words if tried.left else ""),
        clear=judge(clear, nested(after), evaluate) if clear else None,
    )  # fmt: skip


def _verified(step: NextStep, before: Values, after: Values) -> tuple[Judged, Judged] | None:
    if not step.verify:
        return None
    first, second = (judge(step.verify.text, nested(values), evaluate) for values in (before, after))
    return first, second


def _of_collector(account: CollectorAccount) -> Values:
    span_s = max(account.span_s, 1e-6)
    return (
        ("gc.share", share(account)),
        ("gc.longest_s", account.longest_s),
        ("gc.collections", sum(account.collections) / span_s),
        ("gc.oldest", sum(account.collections[-1:]) / span_s),
        ("gc.asked", float(account.asked)),
        ("gc.frozen", float(account.frozen)),
    )


def _guarded(pid: int, step: NextStep, window_s: float, way: WayIn) -> Trial:
    """Watched are the dict that is named, or all; what writes to them is let go with the probe."""
    names = [step.about.text] if step.about else []
    seen = guarding(pid, names, window_s=window_s, way=way).run(lambda _done, _total, _seen: None)
    account = seen.account
    grave = sum(each.count for each in account.conflicts if each.kind not in guard.HARMLESS)
    writers = {thread for each in account.watched for thread in each.threads}
    writers |= {thread for each in account.suspects for thread in each.writers}
    writes = sum(each.writes for each in account.watched) + sum(each.writes for each in account.suspects)
    after = (
        ("guard.writes", float(writes)), ("guard.threads", float(len(writers))), ("guard.conflicts", float(grave)),
    )  # fmt: skip
    told = guard.render(
        account, PLAIN, _WIDTH, scanned=0 if account.watched else seen.scanned, duration_s=seen.duration_s
    )
    return Trial(
        step.action.text, step.title, f"guard {step.about.text or '--scan'}", (), after, _verified(step, (), after),
        undone=True, found=tuple(told)[:_MOST_LINES],
    )  # fmt: skip


def _dumped(pid: int, step: NextStep, way: WayIn) -> Trial:
    seen = waiting(pid, way, 0.0, all_tasks=True)
    tree = tasks.Tree(Waits(seen.target, seen.samples, seen.lines))
    orphans = sum(task.orphan == "orphan" for task in tree.tasks.values())
    after = (("tasks.count", float(len(tree.tasks))), ("tasks.orphans", float(orphans)))
    return Trial(
        step.action.text, step.title, "tasks", (), after, _verified(step, (), after), undone=True,
        found=tuple(tasks.render(tree, PLAIN, _WIDTH, stacks=False))[:_MOST_LINES],
    )  # fmt: skip
