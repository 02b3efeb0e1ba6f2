"""One finding on the screen: the same words as in a report, and around its culprit the source itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from kdiag.core.redact import redact_source
from kdiag.core.report.layout import wrap
from kdiag.core.report.stacks import place
from kdiag.core.report.text_finding import finding_lines
from kdiag.tui.present.text import STYLE, from_report, heading, painted

if TYPE_CHECKING:
    from kdiag.core.model import Finding, Place, Report

_AROUND = 4  # lines before and behind
Source = Callable[[str], str]  # the text of a file by its name; "" where it is not readable


def finding_page(finding: Finding, report: Report, source: Source, width: int) -> list[Text]:
    """All of it, with the source around the culprit and around each of the other places."""
    lines = [painted(("strong", line)) for line in wrap(f"{finding.id} {finding.title}", width)]
    others = [line for each in finding.places for line in _other(each, source, width)]
    return [*lines, *finding_text(finding, report, source, width), *others]


def finding_text(finding: Finding, report: Report, source: Source, width: int) -> list[Text]:
    """What a report says below the title, the culprit's one line of source being replaced by those around it."""
    body = from_report(finding_lines(finding, report.lines, STYLE, width))
    code = excerpt(finding.culprit, source, width) if finding.culprit else []
    if not code:
        return body
    start = next(number for number, line in enumerate(body) if line.plain.strip() == "Where")
    end = next((number for number in range(start, len(body)) if not body[number].plain), len(body))
    told = report.lines.get((finding.culprit.file, finding.culprit.line)) if finding.culprit else None
    kept = [line for line in body[start:end] if not told or line.plain.strip() != redact_source(told.text)]
    return [*body[:start], *kept, *code, *body[end:]]


def _other(each: Place, source: Source, width: int) -> list[Text]:
    code = excerpt(each, source, width)
    thread = f"  [thread {each.thread}]" if each.thread else ""
    return (
        [painted(), heading(f"{each.role or 'also'}: {place(each.file, each.line)} {each.function}{thread}"), *code]
        if code
        else []
    )


def excerpt(where: Place, source: Source, width: int) -> list[Text]:
    """The lines around a place, highlighted, less the secrets that they spell out; nothing where it is not readable."""
    text = source(where.file).splitlines()
    if not 1 <= where.line <= len(text):
        return []
    first = max(1, where.line - _AROUND)
    shown = [redact_source(line) for line in text[first - 1 : where.line + _AROUND]]
    syntax = Syntax(
        "\n".join(shown), "python", theme="ansi_dark", line_numbers=True, start_line=first,
        highlight_lines={where.line}, background_color="default",
    )  # fmt: skip
    console = Console(width=max(width - 4, 20), color_system="truecolor", force_terminal=True, legacy_windows=False)
    rendered = console.render_lines(syntax, console.options, pad=False)
    return [Text("    ").append_text(Text.assemble(*((s.text, s.style or "") for s in line))) for line in rendered]
