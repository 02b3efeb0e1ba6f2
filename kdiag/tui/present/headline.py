"""What a picture says in one sentence, and how it came to be, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.model import HEALTHY
from kdiag.core.report.layout import clean
from kdiag.core.report.quantity import quantity
from kdiag.core.report.tree import headline as conclusion
from kdiag.tui.present.text import painted

if TYPE_CHECKING:
    from rich.text import Text

    from kdiag.core.report.style import Role
    from kdiag.engine.live import Picture

ROLES: dict[str, Role] = {"info": "info", "warning": "warning", "critical": "critical", HEALTHY: "good"}
MARKS = {"info": "●", "warning": "▲", "critical": "✖", HEALTHY: "✔"}  # told apart without colours, too
HEALTHY_AFTER_S = 5.0  # nothing wrong in less says nothing yet


def headline(picture: Picture) -> Text:
    """The verdict in one sentence, or that it is still being watched."""
    report, observation = picture.report, picture.report.observation
    looks = f"{observation.samples.stacks or observation.samples.process} looks"
    if report.findings:
        worst = report.findings[0]
        sure = f"{quantity(worst.confidence, 'ratio')} sure, {looks}"
        more = f", and {len(report.findings) - 1} more" if len(report.findings) > 1 else ""
        level = worst.severity
        line = painted(
            (ROLES[level], f"{MARKS[level]} {level.upper()} "), ("strong", worst.title), ("quiet", f"  ({sure}{more})")
        )
    elif report.verdict == HEALTHY and observation.duration_s >= HEALTHY_AFTER_S:
        line = painted(
            ("good", f"{MARKS[HEALTHY]} HEALTHY "), ("strong", conclusion(report)[1]), ("quiet", f"  ({looks})")
        )
    elif picture.state == "ended":
        line = painted(("warning", "? INCONCLUSIVE "), ("strong", conclusion(report)[1]))
    else:
        line = painted(
            ("info", "… WATCHING "), ("strong", f"{quantity(observation.duration_s, 's')}, {looks}: nothing yet")
        )
    line.no_wrap = False
    return line


def status(picture: Picture, title: str) -> Text:
    """Which process it is, how it is looked at, and how far that is."""
    where = "inside" if picture.inside else {"process": "outside, no stacks"}.get(
        picture.report.observation.access, "outside"
    )  # fmt: skip
    span = f" of {_clock(picture.span_s)}" if picture.span_s is not None else ""
    command = " ".join(picture.report.target.command)
    parts = [
        f"{_clock(picture.at)}{span}", f"last {quantity(picture.window_s, 's')}", where,
        "" if picture.rate == 1.0 else f"rate ×{picture.rate:g}",
    ]  # fmt: skip
    state = {"watching": ("good", " watching "), "paused": ("warning", " paused "), "ended": ("critical", " ended ")}
    role, word = state[picture.state]
    if picture.state == "ended":
        word = f" ended at {_clock(picture.at)} "
    facts = "  ".join(filter(None, parts))
    return painted(("strong", f" {title}"), (role, word), ("quiet", f" {facts}  "), (None, clean(command)))  # type: ignore[arg-type]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
