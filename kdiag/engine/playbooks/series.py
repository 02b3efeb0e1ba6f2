"""The values that a playbook's test feeds: one for each look, in promtool's way of writing.

"0.62x6" is six times 0.62, "1+1x5" counts from 1 in steps of 1 for five more, "1 2 _ 4" lists them; "_" is not seen.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.playbooks.model import At, Value
    from kdiag.engine.playbooks.nodes import Node

_MOST = 1000
_ITEM = re.compile(r"^(?P<value>-?\d+(?:\.\d+)?)(?:(?P<step>[+-]\d+(?:\.\d+)?))?(?:x(?P<count>\d{1,4}))?$")
_PLAIN = re.compile(r"^[-\d_][-+\d.x _]*$")


class BadSeriesError(ValueError):
    """A value that is no series."""

    def __init__(self, message: str, at: At) -> None:
        super().__init__(message)
        self.at = at


def series(node: Node) -> tuple[Value | None, ...]:
    """The values of a node: one, or those that a text of numbers stands for; any other text is itself.

    Raises:
        BadSeriesError: it is a list, or a text of numbers that is no series.
    """
    value = node.value
    if value is None or isinstance(value, bool):
        return (value,)
    if isinstance(value, int | float):
        return (float(value),)
    if not isinstance(value, str):
        raise BadSeriesError("Here must be a value or a series.", node.at)
    if not value or not _PLAIN.match(value):
        return (value,)
    values = tuple(each for item in value.split() for each in _item(item, node))
    if len(values) > _MOST:
        raise BadSeriesError(f"A series has at most {_MOST} values.", node.at)
    return values


def _item(text: str, node: Node) -> Iterator[float | None]:
    if text == "_":
        yield None
        return
    match = _ITEM.match(text)
    if match is None:
        raise BadSeriesError(f"{text!r} is no series.", node.at)
    start, step = float(match["value"]), match["step"]
    if step is not None:  # promtool: the value itself, and so many more
        yield from (start + number * float(step) for number in range(int(match["count"] or 1) + 1))
    else:
        yield from [start] * int(match["count"] or 1)
