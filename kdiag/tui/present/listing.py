"""What a view shows that is a table above and what there is to tell of the chosen row below.

Separate from that view, because what makes it is pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from rich.text import Text

    from kdiag.tui.present.table import Row, Rows


class Listing(NamedTuple):
    """It.

    Attributes:
        summary: one line above the table.
        below: what there is to tell of a row, in so many columns; it must be quick.
        nothing: what there is to say instead, without any row.
        page: the same as `below`, and whatever needs more room or time.
        chosen: which row the cursor has to be at; None leaves it where it is.
    """

    summary: Text
    table: Rows
    below: Callable[[Row, int], list[Text]]
    nothing: Sequence[Text] = ()
    page: Callable[[Row, int], list[Text]] | None = None
    chosen: Hashable = None
