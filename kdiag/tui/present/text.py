"""Lines as the reports write them, for the screen: the same formatters, so that both say the same."""

from __future__ import annotations

import os
import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.text import Span, Text

from kdiag.core.report.layout import clean, wrap
from kdiag.core.report.style import COLOUR, Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kdiag.engine.live import Picture

STYLE = COLOUR
_HUES = frozenset({"red", "yellow", "cyan", "green"})


def styles(*, colours: bool) -> dict[Role, str]:
    """How each role looks; without colours a red turns into a dark grey that nobody can read, so it is none."""
    chosen: dict[Role, str] = {
        "critical": "bold red",
        "warning": "bold yellow",
        "info": "bold cyan",
        "good": "bold green",
        "heading": "bold underline",
        "strong": "bold",
        "command": "cyan",
        "quiet": "dim",
    }
    if colours:
        return chosen
    return {role: " ".join(word for word in style.split() if word not in _HUES) for role, style in chosen.items()}


_ROLES = styles(colours=not os.environ.get("NO_COLOR"))

_PAINT = re.compile(r"\x1b\[([\d;]*)m")
_BY_CODE = {STYLE.paint(role, "-")[2:].partition("m")[0]: style for role, style in _ROLES.items()}


@dataclass
class Page:
    """Lines for a `Lines` widget, and what each is about."""

    lines: list[Text] = field(default_factory=list)
    keys: list[Hashable] = field(default_factory=list)

    def add(self, lines: Iterable[Text], key: Hashable = None) -> None:
        """More lines, all about the same."""
        before = len(self.lines)
        self.lines += lines
        self.keys += [key] * (len(self.lines) - before)

    @property
    def plain(self) -> str:
        """Without colours."""
        return "\n".join(line.plain for line in self.lines)


def painted(*parts: tuple[Role | None, str]) -> Text:
    """A line of parts, each in its role."""
    return Text.assemble(*((clean(text), _ROLES[role] if role else "") for role, text in parts), no_wrap=True)


def from_report(lines: Iterable[str]) -> list[Text]:
    """Lines that a formatter of `core.report` painted."""
    return [_unpainted(line) for line in lines]


def _unpainted(line: str) -> Text:
    """The same as `Text.from_ansi`, which understands more and takes ten times as long."""
    if "\x1b" not in line:
        return Text(line, no_wrap=True)
    plain, spans, role = "", [], ""
    for number, part in enumerate(_PAINT.split(line)):
        if number % 2:
            role = _BY_CODE.get(part, "")
        else:
            spans += [Span(len(plain), len(plain) + len(part), role)] if role and part else []
            plain += part
    return Text(plain, spans=spans, no_wrap=True)


def heading(text: str) -> Text:
    """A line above others."""
    return painted(("heading", text))


def needs_probe(picture: Picture, why: str, width: int) -> list[Text]:
    """That a view sees more with a probe, and which key lets one in; of one that is there, that it has yet to look."""
    if picture.inside and picture.span_s is None:
        return [painted(("quiet", "The probe has not looked yet."))]
    if picture.state == "ended" or picture.span_s is not None:
        return [*(painted(("quiet", line)) for line in wrap(f"{why} No probe was there.", width)), painted()]
    lines = wrap(f"{why} Press a to let a probe in.", width)
    return [*(painted(("info", line)) for line in lines), painted()]
