"""Whole files of source without their secrets: a recording keeps them, since tracebacks point into them.

Separate from lines of source because every character must stay where it is: what is hidden is as long as it was.
"""

from __future__ import annotations

import io
import re
import tokenize
from itertools import accumulate
from typing import TYPE_CHECKING

from kdiag.core.redact import is_secret, redact_layout

if TYPE_CHECKING:
    from collections.abc import Iterator

_LITERAL = re.compile(r"([A-Za-z]*)('''|\"\"\"|'|\")(.*)\2", re.DOTALL)
_F_STARTS = {getattr(tokenize, name, -1) for name in ("FSTRING_START", "TSTRING_START")}  # since Python 3.12
_F_ENDS = {getattr(tokenize, name, -1) for name in ("FSTRING_END", "TSTRING_END")}
_WORDS = {tokenize.NAME, tokenize.STRING}


def redact_file(text: str) -> str:
    """The text without comments and with secrets masked; "" where it is of another Python's syntax: nobody can use it.

    Lines and columns (also in bytes) of all that is left stay the same.
    """
    lines = list(io.StringIO(text))
    try:
        tokens = list(tokenize.generate_tokens(iter(lines).__next__))
    except (tokenize.TokenError, SyntaxError):
        return ""
    starts = [0, *accumulate(map(len, lines))]
    parts, done = [], 0
    for first, last, secret in _hideable(tokens):
        begin = starts[first.start[0] - 1] + first.start[1]
        end = starts[last.end[0] - 1] + last.end[1]
        new = "" if first.type == tokenize.COMMENT else _literal(text[begin:end], secret=secret)
        parts += [text[done:begin], new]
        done = end
    return "".join(parts) + text[done:]


def _hideable(tokens: list[tokenize.TokenInfo]) -> Iterator[tuple[tokenize.TokenInfo, tokenize.TokenInfo, bool]]:
    """The comments and literals, each by its first and last token, and whether its name says that it is a secret."""
    opened: list[tuple[tokenize.TokenInfo, bool]] = []  # f-strings
    before = word = tokens[0]
    for token in tokens:
        named = before.string in {"=", ":"} and is_secret(word.string.strip("'\""))
        if token.type in _F_STARTS:
            opened.append((token, named))
        elif token.type in _F_ENDS:
            start, secret = opened.pop()
            if not opened:
                yield start, token, secret
        elif not opened and token.type == tokenize.STRING:
            yield token, token, named
        elif not opened and token.type == tokenize.COMMENT:
            yield token, token, False
        if token.type in _WORDS:
            word = token
        before = token


def _literal(text: str, *, secret: bool) -> str:
    match = _LITERAL.fullmatch(text)
    if match is None:
        return text
    prefix, quote, inner = match.groups()
    return f"{prefix}{quote}{redact_layout(inner, code='f' in prefix.lower(), secret=secret)}{quote}"
