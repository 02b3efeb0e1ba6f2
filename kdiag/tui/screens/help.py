"""All keys and what they do, and what the words on the screen mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from kdiag.core.report.layout import definitions
from kdiag.tui.present.text import heading, painted
from kdiag.tui.screens.page import PageScreen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.text import Text

    from kdiag.tui.screens.main import MainScreen

_WORDS = (
    ("CPU", "of one processor; 400 % are four of them"),
    ("GC", "share of the time that the garbage collector takes"),
    ("GIL wait", "threads that want to compute and wait for the interpreter lock, at a look"),
    ("Loop lag", "how long a callback had to wait in an asyncio loop; seen by the probe"),
    ("Errors", "exceptions a second, also those that are logged or swallowed; seen by the probe"),
    ("sure", "the confidence of the verdict; it grows with the looks that it rests on"),
    ("suspected", "the evidence fits but does not prove: let a probe in, or look for longer"),
)


class HelpScreen(PageScreen):
    """Made of the keys themselves, so that it tells all of them that do something for what is watched."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark", "close", "Back", show=False)]

    def __init__(self, of: MainScreen) -> None:
        super().__init__(self._page)
        self._of = of

    def _page(self, width: int) -> list[Text]:
        screen, app = ([binding for _, binding in node._bindings] for node in (self._of, self.app))  # noqa: SLF001
        can = [each for each in app if self.app.check_action(each.action.partition("(")[0], ())]
        lines = [heading("Views and screen"), *_keys(screen), painted(), heading("The watch"), *_keys(can), painted()]
        for view in self._of.views:
            own = [*(binding for _, binding in view._bindings), *Binding.make_bindings(view.parts)]  # noqa: SLF001
            lines += [heading(view.name_), *_keys(own), painted()] if own else []
        return [*lines, heading("Words"), *(painted((None, line)) for line in definitions(_WORDS, width, "  "))]


def _keys(bindings: Iterable[Binding]) -> list[Text]:
    told: dict[str, list[str]] = {}
    for binding in bindings:
        if binding.description:
            told.setdefault(binding.description, []).append(binding.key_display or binding.key)
    return [painted(("command", f"  {' '.join(dict.fromkeys(keys)):<18}"), (None, what)) for what, keys in told.items()]
