"""Text that fits a terminal: made harmless, measured in cells, wrapped, and set in columns.

It is separate from the formatters because a diagnosis shows names that the target chose. Every one of them passes
through `clean` here, so no thread name can move the cursor, and no word is ever cut: a path or a command stays
whole, to be copied, even where it is wider than the terminal.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kdiag.core.report.style import Role, Style

# A number and its unit stay on one line, and so does what a bracket opens.
_GLUE = re.compile(r"(?<=\d) (?=(?:%|s|ms|min|h|Hz|B|KiB|MiB|GiB|TiB|CPU|of a core)(?![A-Za-z]))")
_HARD_SPACE = "\N{NO-BREAK SPACE}"
GAP = "  "


def clean(text: str) -> str:
    """The text on one line, with everything that a terminal would act on shown as its escape instead."""
    if text.isprintable():
        return text
    return "".join(_harmless(character) for character in text)


def _harmless(character: str) -> str:
    if character.isprintable():
        return character
    if character in "\n\t" or unicodedata.category(character) == "Zs":
        return " "
    return character.encode("unicode_escape").decode("ascii")


def cells(text: str) -> int:
    """How many columns a terminal gives the text: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(_cell(character) for character in text)


def _cell(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text filled with spaces up to the width in cells; `right` aligns it to the right."""
    fill = " " * max(0, width - cells(text))
    return fill + text if right else text + fill


def wrap(text: str, width: int, indent: str = "", hanging: str | None = None) -> Iterator[str]:
    """The text in lines of at most `width` cells, the first after `indent`, the others after `hanging`.

    Words are not cut, so a word that is wider than the line stands on its own and sticks out.
    """
    lead = indent
    line = ""
    for word in _GLUE.sub(_HARD_SPACE, clean(text)).split(" "):
        if not word:
            continue
        if line and cells(lead) + cells(line) + 1 + cells(word) > width:
            yield lead + line.replace(_HARD_SPACE, " ")
            lead, line = indent if hanging is None else hanging, word
        else:
            line = f"{line} {word}" if line else word
    if line:
        yield lead + line.replace(_HARD_SPACE, " ")


def wrap_painted(style: Style, role: Role, text: str, width: int, indent: str = "") -> Iterator[str]:
    """The same, each line in the role's colour: `wrap` itself would make its escapes harmless."""
    return (style.paint(role, line) for line in wrap(text, width, indent))


def join_or_break(parts: Sequence[str], width: int, indent: str, deeper: str = "  ") -> Iterator[str]:
    """The parts on one line where they fit, else each on its own line, the later ones deeper."""
    whole = [clean(part) for part in parts if part]
    line = indent + GAP.join(whole)
    if cells(line) <= width:
        yield line
        return
    for number, part in enumerate(whole):
        yield indent + (deeper if number else "") + part


def definitions(pairs: Iterable[tuple[str, str]], width: int, indent: str) -> Iterator[str]:
    """Label and text side by side, the texts aligned and wrapped; pairs without a text are left out."""
    rows = [(clean(label), text) for label, text in pairs if text]
    column = max((cells(label) for label, _ in rows), default=0)
    hanging = indent + " " * column + GAP
    for label, text in rows:
        yield from wrap(text, width, indent + pad(label, column) + GAP, hanging)


def table(rows: Sequence[Sequence[str]], indent: str, *, numbers: frozenset[int] = frozenset()) -> list[str]:
    """Rows of the same length in aligned columns; `numbers` are the columns that align to the right."""
    tidy = [[clean(cell) for cell in row] for row in rows]
    widths = [max(map(cells, column)) for column in zip(*tidy, strict=True)]
    lines = []
    for row in tidy:
        columns = [pad(cell, widths[i], right=i in numbers) for i, cell in enumerate(row) if widths[i]]
        lines.append((indent + GAP.join(columns)).rstrip())
    return lines


def shell_lines(command: str, width: int, indent: str) -> Iterator[str]:
    """A command that can be pasted: continued with a backslash where it is too long, never inside quotes."""
    words = _outside_quotes(clean(command))
    line, lead = words[0], indent
    for word in words[1:]:
        if cells(lead) + cells(line) + 1 + cells(word) + len(" \\") > width:
            yield f"{lead}{line} \\"
            line, lead = word, indent + "  "
        else:
            line = f"{line} {word}"
    yield lead + line


def _outside_quotes(command: str) -> list[str]:
    """The command split at the spaces that no quote holds together."""
    words, quote = [""], ""
    for character in command:
        if character == " " and not quote:
            words.append("")
            continue
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        words[-1] += character
    return words
