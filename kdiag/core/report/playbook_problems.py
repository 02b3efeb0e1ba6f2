"""What is wrong with playbooks, as text, as JSON, and as SARIF 2.1.0 for code scanning.

Separate from the words on playbooks themselves: these formats are for editors and CI.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kdiag import __version__
from kdiag.core.playbooks.rules import RULES
from kdiag.core.report.style import PLAIN, Style

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kdiag.core.playbooks.model import Problem

FORMATS = ("text", "json", "sarif")
_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


def render(files: Sequence[tuple[str, Sequence[Problem]]], form: str, style: Style = PLAIN) -> Iterator[str]:
    """The problems of files, in one of the formats."""
    match form:
        case "json":
            yield json.dumps({"schema": "kdiag.lint/v1", "problems": list(_plain(files))}, indent=2)
        case "sarif":
            yield json.dumps(_sarif(files), indent=2)
        case _:
            yield from _text(files, style)


def _text(files: Sequence[tuple[str, Sequence[Problem]]], style: Style) -> Iterator[str]:
    count = 0
    for file, problems in files:
        for each in problems:
            count += 1
            place = style.paint("strong", f"{file}:{each.at.line}:{each.at.column}:")
            yield f"{place} {style.paint('critical', each.rule)} {each.message}"
            if each.hint:
                yield f"    {each.hint}"
    playbooks = f"{len(files)} playbook{'' if len(files) == 1 else 's'}"
    yield f"{playbooks}: {count} problem{'' if count == 1 else 's'}." if count else f"{playbooks}: no problems."


def _plain(files: Sequence[tuple[str, Sequence[Problem]]]) -> Iterator[dict[str, Any]]:
    for file, problems in files:
        for each in problems:
            yield {
                "file": file, "line": each.at.line, "column": each.at.column, "rule": each.rule,
                "message": each.message, "hint": each.hint,
            }  # fmt: skip


def _sarif(files: Sequence[tuple[str, Sequence[Problem]]]) -> dict[str, Any]:
    rules = [{"id": name, "shortDescription": {"text": meaning}} for name, meaning in RULES.items()]
    results = [
        {
            "ruleId": each["rule"],
            "level": "error",
            "message": {"text": f"{each['message']} {each['hint']}".rstrip()},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": each["file"]},
                        "region": {"startLine": each["line"], "startColumn": each["column"]},
                    }
                }
            ],
        }
        for each in _plain(files)
    ]
    tool = {"driver": {"name": "kdiag", "version": __version__, "rules": rules}}
    return {"version": "2.1.0", "$schema": _SARIF, "runs": [{"tool": tool, "results": results}]}
