"""The palette of text for a terminal: a few roles instead of colours, so that formatters say what a word is.

It is our own because the core depends on the standard library only, and because eight roles need no more than this.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Role = Literal["critical", "warning", "info", "good", "heading", "strong", "command", "quiet"]

# The terminal's own sixteen colours, which its owner has already made readable on its background.
_CODES: Mapping[Role, str] = MappingProxyType(
    {
        "critical": "1;31",
        "warning": "1;33",
        "info": "1;36",
        "good": "1;32",
        "heading": "1;4",
        "strong": "1",
        "command": "36",
        "quiet": "2",
    }
)


@dataclass(frozen=True, slots=True)
class Style:
    """Whether text is painted. The default, for NO_COLOR and for anything that is not a terminal, is not."""

    colour: bool = False

    def paint(self, role: Role, text: str) -> str:
        """The text in the role's colour, or as it is."""
        return f"\x1b[{_CODES[role]}m{text}\x1b[0m" if self.colour and text else text


PLAIN = Style()
COLOUR = Style(colour=True)
