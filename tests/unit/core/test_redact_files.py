"""Files of source without their secrets: what is left stays where it was."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import kdiag
from kdiag.core.redact_files import redact_file

FILES = sorted(Path(kdiag.__file__).parent.rglob("*.py"))


def positions(text: str) -> list[tuple[str, int, int, int | None, int | None]]:
    return [
        (type(node).__name__, node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.expr | ast.stmt)
    ]


@pytest.mark.parametrize("folder", ["core", "engine", "cli", "sources", "probe"])
def test_real_files_keep_every_place(folder: str) -> None:
    for file in FILES:
        if folder in file.parts:
            text = file.read_text(encoding="utf-8")
            assert positions(redact_file(text)) == positions(text), file


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('password = "hunter2"; x = 1\n', 'password = "*******"; x = 1\n'),
        ('connect(token="é", user=me)\n', 'connect(token="**", user=me)\n'),  # as many bytes, not characters
        ('u = "https://me:pw@host/"\n', 'u = "https://*****@host/"\n'),
        ('u = f"https://{user}:pw@host/{path}"\n', 'u = f"https://{user}***@host/{path}"\n'),
        ('"""Say token=abc here."""\n', '"""Say token=*** here."""\n'),
        ('k = "a\\"b" "token=x\\n"\n', 'k = "a\\"b" "token=***"\n'),
        ('settings = {"api_key": "ab", "host": "x"}\n', 'settings = {"api_key": "**", "host": "x"}\n'),
        ("x = 1  # secret: abc\n", "x = 1  \n"),
        ("x = 1  # last line", "x = 1  "),
        ("x = (1,\n", ""),  # of another Python, or no Python
        ("", ""),
    ],
)
def test_what_is_secret_is_masked(text: str, hidden: str) -> None:
    assert redact_file(text) == hidden


def test_a_key_over_several_lines_keeps_its_lines() -> None:
    text = 'KEY = """-----BEGIN PRIVATE KEY-----\nMIIEv\nQIBADA\n-----END PRIVATE KEY-----"""\nx = 1\n'
    hidden = redact_file(text)
    assert "MIIEv" not in hidden
    assert hidden.count("\n") == text.count("\n")
    assert positions(hidden) == positions(text)
