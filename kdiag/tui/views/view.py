"""What every view is: it makes something to show out of a picture in any thread, and puts it up in the screen's."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from textual.containers import Vertical
from textual.message import Message

from kdiag.tui.present.text import Page
from kdiag.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from kdiag.engine.live import Picture

Shown = TypeVar("Shown")


class View(Vertical, Generic[Shown]):
    """One way to look at a process.

    Attributes:
        name_: of the view, in one word.
        key: that opens it.
        extras: the dear looks that it needs while it is open (`engine.live.EXTRAS`).
        parts: the keys of the part of it that has them, for the help.
    """

    name_: ClassVar[str]
    key: ClassVar[str]
    extras: ClassVar[frozenset[str]] = frozenset()
    parts: ClassVar[Sequence[BindingType]] = ()

    class Changed(Message):
        """The view is to show something else of the same picture."""

    def __init__(self) -> None:
        super().__init__(id=self.name_.lower())

    @abstractmethod
    def prepare(self, picture: Picture, width: int) -> Shown:
        """What is to be shown of a picture, `width` columns wide; pure, and called in another thread."""

    @abstractmethod
    def draw(self, shown: Shown) -> None:
        """Put up what was prepared."""


class TextView(View["Sequence[Text]"]):
    """A view that is nothing but lines."""

    def compose(self) -> ComposeResult:
        """One scrolling window."""
        yield Lines()

    def draw(self, shown: Sequence[Text]) -> None:
        """Put them up."""
        self.query_one(Lines).show(shown)


class PageView(View[Page]):
    """A view that is lines with keys: what one looks at stays where it is, while other lines come and go."""

    def compose(self) -> ComposeResult:
        """One scrolling window."""
        yield Lines()

    def draw(self, shown: Page) -> None:
        """Put them up."""
        self.query_one(Lines).show(shown.lines, shown.keys)
