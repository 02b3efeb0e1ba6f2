"""Lines as the reports write them, for the screen: the same formatters, so that both say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from kdiag.core.report.layout import clean
from kdiag.core.report.style import COLOUR, Role

if TYPE_CHECKING:
    from collections.abc import Iterable

STYLE = COLOUR
_ROLES: dict[Role, str] = {
    "critical": "bold red",
    "warning": "bold yellow",
    "info": "bold cyan",
    "good": "bold green",
    "heading": "bold underline",
    "strong": "bold",
    "command": "cyan",
    "quiet": "dim",
}


def painted(*parts: tuple[Role | None, str]) -> Text:
    """A line of parts, each in its role."""
    return Text.assemble(*((clean(text), _ROLES[role] if role else "") for role, text in parts), no_wrap=True)


def from_report(lines: Iterable[str]) -> list[Text]:
    """Lines that a formatter of `core.report` painted."""
    return [Text.from_ansi(line, no_wrap=True) for line in lines]


def heading(text: str) -> Text:
    """A line above others."""
    return painted(("heading", text))
