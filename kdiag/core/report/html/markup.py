"""How text gets into the page: the one place that escapes, so that nothing of the target's can act in a browser."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from kdiag.core.report.layout import clean
from kdiag.core.report.stacks import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kdiag.core.model import Frame, Place


def text(words: str) -> str:
    """The words as they are, for an element or a quoted attribute."""
    return escape(clean(words))


def element(name: str, words: str, css: str = "") -> str:
    """One element that holds words."""
    attributes = f' class="{css}"' if css else ""
    return f"<{name}{attributes}>{text(words)}</{name}>"


def code(words: str) -> str:
    """Words of code."""
    return element("code", words)


def where(at: Place | Frame) -> str:
    """A place as editors take it, and its function."""
    return f"{code(place(at.file, at.line))} in {code(at.function)}"


def listed(items: Iterable[str], name: str = "ul") -> Iterator[str]:
    """A list of what is markup already."""
    yield f"<{name}>"
    yield from (f"<li>{item}</li>" for item in items)
    yield f"</{name}>"
