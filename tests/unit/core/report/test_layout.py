"""Text that fits, cannot act on a terminal, and can be copied."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdiag.core.report.layout import (
    _GLUE,
    cells,
    clean,
    definitions,
    join_or_break,
    pad,
    shell_lines,
    table,
    wrap,
    wrap_painted,
)  # fmt: skip
from kdiag.core.report.style import COLOUR


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain größe 日本", "plain größe 日本"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc", "a b c"),
        ("\u202eevil", "\\u202eevil"),
        ("\udc80", "\\udc80"),
        ("a\xa0b", "a b"),
        ("\x00\x7f", "\\x00\\x7f"),
    ],
)
def test_clean(raw: str, shown: str) -> None:
    assert clean(raw) == shown


@given(st.text())
def test_clean_text_is_printable_and_stays_as_it_is(text: str) -> None:
    assert clean(text).isprintable()
    assert clean(clean(text)) == clean(text)


def test_cells_are_those_of_a_terminal() -> None:
    assert cells("abc") == 3
    assert cells("日本") == 4
    assert cells("e\u0301") == 1
    assert pad("日本", 6) == "日本  "
    assert pad("7", 3, right=True) == "  7"


@given(st.text(), st.integers(10, 120))
def test_wrapping_loses_no_word_and_breaks_none(text: str, width: int) -> None:
    lines = list(wrap(text, width, "- ", "  "))
    assert " ".join(line[2:] for line in lines).split() == clean(text).split()
    assert all(cells(line) <= width or len(_GLUE.sub("_", line[2:]).split()) == 1 for line in lines)


def test_a_number_keeps_its_unit() -> None:
    assert list(wrap("it takes 61 % of 10 s", 11)) == ["it takes", "61 % of", "10 s"]
    assert list(wrap("61 sheep", 5)) == ["61", "sheep"]


def test_nothing_wraps_to_nothing() -> None:
    assert list(wrap("", 80, "  ")) == []
    assert list(wrap("  \n ", 80, "  ")) == []


def test_parts_share_a_line_or_get_one_each() -> None:
    assert list(join_or_break(("a.py:1", "", "f"), 20, "  ")) == ["  a.py:1  f"]
    assert list(join_or_break(("a.py:1", "f", "g"), 10, "  ")) == ["  a.py:1", "    f", "    g"]


def test_definitions_align_and_leave_out_what_is_empty() -> None:
    pairs = [("time", "ten seconds or so"), ("cost", ""), ("a label", "x")]
    assert list(definitions(pairs, 22, " ")) == [
        " time     ten seconds",
        "          or so",
        " a label  x",
    ]


def test_a_table_aligns_and_drops_columns_that_are_empty_throughout() -> None:
    rows = [("a", "1", "", "x"), ("bb", "22", "", "y")]
    assert table(rows, " ", numbers=frozenset({1})) == [" a    1  x", " bb  22  y"]
    assert table([], " ") == []


def test_a_long_command_continues_as_the_shell_reads_it() -> None:
    lines = list(shell_lines("kdiag diagnose 4711 --format json --output 'a file with spaces.json'", 40, "  "))
    assert lines == ["  kdiag diagnose 4711 --format json \\", "    --output 'a file with spaces.json'"]
    assert all(cells(line) <= 40 for line in lines)


@given(st.lists(st.text("ab '\"-=", min_size=1), min_size=1), st.integers(20, 100))
def test_a_continued_command_is_still_the_same(words: list[str], width: int) -> None:
    command = shlex.join(words)
    shown = "\n".join(shell_lines(command, width, ""))
    assert shlex.split(shown.replace("\\\n", " ")) == words


def test_a_painted_paragraph_keeps_its_paint_and_wraps_by_what_is_seen() -> None:
    assert list(wrap_painted(COLOUR, "strong", "one two", 4, " ")) == ["\x1b[1m one\x1b[0m", "\x1b[1m two\x1b[0m"]
