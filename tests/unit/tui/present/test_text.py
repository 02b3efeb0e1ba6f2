"""Lines of the reports' formatters as lines of the screen."""

from __future__ import annotations

import pytest
from rich.console import Console
from rich.style import Style
from rich.text import Text

from kdiag.tui.present.text import STYLE, from_report, styles

_CONSOLE = Console()


@pytest.mark.parametrize("line", [
    "", "plain [not markup]", STYLE.paint("critical", "CIRCLE") + STYLE.paint("strong", " of two") + ", and more",
    "  " + STYLE.paint("quiet", "quiet"), STYLE.paint("good", "good") + " – ünï",
])  # fmt: skip
def test_a_painted_line_looks_as_a_terminal_would_show_it(line: str) -> None:
    (shown,), expected = from_report([line]), Text.from_ansi(line)
    assert shown.plain == expected.plain
    for number in range(len(shown.plain)):
        style, wanted = shown.get_style_at_offset(_CONSOLE, number), expected.get_style_at_offset(_CONSOLE, number)
        assert (style.color and style.color.number) == (wanted.color and wanted.color.number), number
        assert (bool(style.bold), bool(style.dim)) == (bool(wanted.bold), bool(wanted.dim)), number


def test_without_colours_what_is_bold_or_dim_stays_so_and_nothing_has_a_hue() -> None:
    plain, coloured = styles(colours=False), styles(colours=True)
    assert (plain["critical"], plain["heading"], plain["command"]) == ("bold", "bold underline", "")
    for role, style in plain.items():
        assert Style.parse(style).color is None
        assert Style.parse(style).bold == Style.parse(coloured[role]).bold
