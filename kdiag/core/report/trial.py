"""What came of a change that was tried: before and after, whether it helped, and that it was taken back.

One wording for text, Markdown and HTML, which only differ in how they write rows; and the same as data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kdiag.core.playbooks.evidence import FIELDS
from kdiag.core.playbooks.plan import Judged, worded
from kdiag.core.report.json_ import number
from kdiag.core.report.layout import table, wrap
from kdiag.core.report.quantity import quantity
from kdiag.core.report.style import PLAIN, Role, Style

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.playbooks.model import Value
    from kdiag.core.playbooks.trial import Trial

HEADING = ("what", "before", "after")


def lines(trial: Trial, style: Style = PLAIN, width: int = 80) -> Iterator[str]:
    """The trial for a terminal."""
    yield ""
    yield style.paint("heading", f"Tried: {trial.change}")
    yield from table([tuple(map(str.upper, HEADING)), *rows(trial)], "", numbers=frozenset({1, 2}))
    role, words = outcome(trial)
    if words:
        first, *more = wrap(words, width)
        lead, colon, rest = first.partition(":")
        yield f"{style.paint(role, lead)}{colon}{rest}"
        yield from more
    yield from wrap(over(trial), width)
    yield from wrap(ended(trial), width)
    if trial.found:
        yield from ("", *trial.found)


def rows(trial: Trial) -> Iterator[tuple[str, str, str]]:
    """Each value with its meaning, before and after."""
    for path, _, before, after in trial.rows():
        earlier = worded(path, before) if trial.before else "-"
        yield f"{path}: {FIELDS[path].meaning}", earlier, worded(path, after)


def outcome(trial: Trial) -> tuple[Role, str]:
    """Whether what the playbook wants came true, with the values; "" where it does not say what it wants.

    Of an action that only looks there is nothing before it.
    """
    if trial.verify is None:
        return "quiet", ""
    before, after = trial.verify
    if not trial.before:
        word = "Confirmed" if trial.helped else "Not confirmed"
        return "good" if trial.helped else "warning", f"{word}: {after.condition} ({_seen(after)})."
    seen = f"{after.condition} ({_seen(before)} before, {_seen(after)} after)."
    if trial.helped is None:
        return "warning", f"Whether it helped was not to be seen: {seen}"
    return ("good", f"It helped: {seen}") if trial.helped else ("warning", f"It did not help enough: {seen}")


def over(trial: Trial) -> str:
    """Whether the incident counted as over while the change held; "" where the playbook does not say when it does."""
    if trial.clear is None:
        return ""
    seen = f"{trial.clear.condition} ({_seen(trial.clear)})"
    if trial.clear_after_s is not None:
        since = quantity(trial.clear_after_s, "s")
        return f"With it the incident counted as over, from {since} after the change on: {seen}."
    if trial.clear.holds is None:
        return f"Whether the incident was over with it was not to be seen: {seen}."
    return f"The incident was not over with it: {seen}."


def ended(trial: Trial) -> str:
    """Whether it was taken back, and how that is known."""
    if not trial.undone:
        return "It could not be taken back: the process ended."
    before, left = trial.settings
    if trial.restored:
        return f"It was taken back, and the process is set as before: {left}."
    return "It was taken back." + (f" Before: {before}; now: {left}." if left else "")


def _seen(judged: Judged) -> str:
    return ", ".join(worded(path, value) for path, value in judged.seen)


def to_json(trial: Trial) -> dict[str, Any]:
    """The trial as data; numbers in the units of the evidence."""
    return {
        "action": trial.action,
        "title": trial.title,
        "change": trial.change,
        "before": {path: _plain(value) for path, value in trial.before},
        "after": {path: _plain(value) for path, value in trial.after},
        "verify": trial.verify[1].condition if trial.verify else "",
        "helped": trial.helped,
        "undone": trial.undone,
        "settings": {"before": trial.settings[0], "afterwards": trial.settings[1]},
        "restored": trial.restored,
        "found": list(trial.found),
        "clear": trial.clear.holds if trial.clear else None,
        "clear_after_s": number(trial.clear_after_s),
    }


def _plain(value: Value) -> Value | None:
    return number(value) if isinstance(value, float) else value
