"""What a condition is made of, as far as it can be told without computing it: its variables, and its parts.

Conditions are CEL, which the engine computes. This reads them for what a check of types alone does not tell: which
values a condition asks for, and where in its text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 400  # characters of one condition
_TOKEN = re.compile(
    r"""(?P<text>[rR]?"(?:[^"\\]|\\.)*"|[rR]?'(?:[^'\\]|\\.)*')|(?P<path>[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*)"""
    r"""|(?P<number>\d[\w.]*)|(?P<logic>&&|\|\||[?:])|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<other>\S)"""
)
_WORDS = frozenset({"true", "false", "null", "in"})
_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}")
PARAMETER = re.compile(r"\$\{params\.([\w-]+)\}")


def paths(condition: str) -> Iterator[tuple[str, int]]:
    """The variables, each with its offset in the text; of a call the value that it is made on."""
    for match in _TOKEN.finditer(condition):
        if match.lastgroup != "path":
            continue
        path = re.sub(r"\s", "", match[0])
        if condition[match.end() :].lstrip().startswith("("):
            path = path.rpartition(".")[0]  # a method's object; nothing of a plain function
        if path and path not in _WORDS:
            yield path, match.start()


def parts(condition: str, offset: int = 0) -> Iterator[tuple[str, int]]:
    """The parts that `&&`, `||`, `!`, `?:` and brackets join, each with its offset: each must be true or false."""
    stripped = condition.strip()
    offset += len(condition) - len(condition.lstrip())
    if stripped.startswith("!"):
        yield from parts(stripped[1:], offset + 1)
        return
    depth, starts, wraps = 0, [0], False
    for match in _TOKEN.finditer(stripped):
        depth += (match.lastgroup == "open") - (match.lastgroup == "close")
        if match.lastgroup == "logic" and depth == 0:
            starts.append(match.end())
        wraps |= match.lastgroup == "close" and depth == 0 and match.end() < len(stripped)
    if len(starts) > 1:
        ends = [start - _joint(stripped, start) for start in starts[1:]] + [len(stripped)]
        for start, end in zip(starts, ends, strict=True):
            yield from parts(stripped[start:end], offset + start)
    elif stripped.startswith("(") and stripped.endswith(")") and not wraps:
        yield from parts(stripped[1:-1], offset + 1)
    else:
        yield stripped, offset


def _joint(text: str, end: int) -> int:
    return 2 if text[end - 2 : end] in {"&&", "||"} else 1


def placeholders(message: str) -> Iterator[tuple[str, int]]:
    """What stands in `{{ }}`, with its offset."""
    return ((match[1].strip(), match.start()) for match in _PLACEHOLDER.finditer(message))
