"""What became of a change, as text and as JSON: before and after, and whether it helped.

Separate from the story, which is told before anything is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kdiag.core.playbooks.plan import Judged, worded
from kdiag.core.report import collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.report.style import Style
    from kdiag.engine.playbooks.acting import Acted


def action_lines(acted: Acted | None, style: Style) -> Iterator[str]:
    """The measures of both times, and whether what the playbook wants to see came true."""
    yield ""
    if acted is None:
        yield "Nothing was changed."
        return
    yield style.paint("heading", f"Tried: {acted.tried.change.words}")
    yield from collector.compared(acted.tried.before.account, acted.tried.after.account)
    if acted.after is not None:
        helped = bool(acted.after.holds)
        word = style.paint("good", "It helped") if helped else style.paint("warning", "It did not help enough")
        yield f"{word}: {acted.after.condition} ({_seen(acted.before)} before, {_seen(acted.after)} after)."
    yield "It was taken back." if acted.tried.undone else "It could not be taken back: the process ended."


def _seen(judged: Judged | None) -> str:
    return ", ".join(worded(path, value) for path, value in judged.seen) if judged else ""


def action_to_json(acted: Acted) -> dict[str, Any]:
    """The same as data."""
    tried = acted.tried
    return {
        "change": tried.change.words,
        "verify": acted.after.condition if acted.after else "",
        "helped": acted.after.holds if acted.after else None,
        "undone": tried.undone,
        "before": collector.to_json(tried.before.account, pid=tried.before.facts.pid, interrupted=False),
        "after": collector.to_json(
            tried.after.account, pid=tried.after.facts.pid, interrupted=tried.after.interrupted
        ),
    }  # fmt: skip
