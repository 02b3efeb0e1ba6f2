"""Lines of the reports' formatters as lines of the screen."""

from __future__ import annotations

import pytest
from rich.console import Console
from rich.text import Text

from kdiag.tui.present.text import STYLE, from_report

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
