"""Columns that fit, cells that are cut, and rows that are found again."""

from __future__ import annotations

from kdiag.tui.present.table import Row, clipped, fitted, head, line, place_of


def test_columns_share_what_the_least_widths_leave() -> None:
    columns = fitted(40, ("N", -4, 0), ("STATE", 10, 1), ("WHERE", 10, 1))

    assert [each.width for each in columns] == [4, 16, 16]
    assert head(columns).plain == "   N  STATE             WHERE"
    assert line(columns, Row(1, ("12", ("warning", "waiting"), "app.py:41 handle_everything"))).plain == (
        "  12  waiting           app.py:41 handl…"
    )


def test_a_cell_is_measured_as_the_terminal_does_and_cannot_act_on_it() -> None:
    assert clipped("日本語日本語", 7) == "日本語…"
    assert "\x1b" not in line(fitted(20, ("A", 20, 0)), Row(1, ("a\x1b[31mb",))).plain


def test_a_row_is_found_by_its_key_then_by_its_members_then_by_its_place() -> None:
    rows = [Row("a", (), (1, 2)), Row("b", (), (3,)), Row("c", (), (4, 5))]

    assert place_of(rows, Row("c", (), (1,))) == 2
    assert place_of(rows, Row("gone", (), (9, 3))) == 1
    assert place_of(rows, Row("gone", (), ()), before=2) == 2
    assert place_of(rows[:1], Row("gone", (), ()), before=2) == 0
    assert place_of([], Row("a", ()), before=2) == 0
