"""Whatever a report holds, each format writes it, and nothing of the target's acts on the reader."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from kdiag.core.report import json_, markdown, schema, stacks, text
from kdiag.core.report.layout import cells
from kdiag.core.report.style import COLOUR, PLAIN

from . import strategies
from .samples import ALL

if TYPE_CHECKING:
    from kdiag.core.model import Report, StackSample

WIDTHS = (60, 80, 120)
_PAINT = re.compile(r"\x1b\[[0-9;]*m")
_VALIDATOR = Draft202012Validator(json.loads(schema.text()))
_calm = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def unbreakable(line: str, width: int) -> bool:
    """Whether the line is too wide because a single word of it is, or a place with a name that has spaces."""
    body = line.strip()
    return " " not in body.removeprefix("- ") or max(map(cells, body.split())) > width // 3


@_calm
@given(strategies.reports, st.sampled_from(WIDTHS))
def test_text_writes_any_report(report: Report, width: int) -> None:
    lines = list(text.render(report, PLAIN, width))
    assert lines
    assert all(line.isprintable() for line in lines)


@_calm
@given(strategies.reports)
def test_paint_is_all_that_colour_adds(report: Report) -> None:
    painted = [_PAINT.sub("", line) for line in text.render(report, COLOUR, 80)]
    assert painted == list(text.render(report, PLAIN, 80))


@_calm
@given(strategies.reports)
def test_markdown_writes_any_report(report: Report) -> None:
    lines = list(markdown.render(report))
    assert lines[0].startswith("## ")
    assert all(line.isprintable() for line in lines)
    assert sum(line.startswith("<details>") for line in lines) == sum(line == "</details>" for line in lines)


@_calm
@given(strategies.reports)
def test_json_of_any_report_is_valid(report: Report) -> None:
    lines = list(json_.render(report))
    assert all("\n" not in line for line in lines)
    "\n".join(lines).encode("utf-8")
    _VALIDATOR.validate(json.loads("\n".join(lines)))


@_calm
@given(strategies.stack_samples, st.sampled_from(WIDTHS), st.sampled_from([None, True, False]))
def test_stacks_of_any_sample(sample: StackSample, width: int, collecting: bool | None) -> None:
    lines = list(stacks.render(sample, stacks.NO_LINES, PLAIN, width, collecting=collecting))
    assert all(line.isprintable() for line in lines)
    assert sum(len(group.threads) for group in stacks.groups(sample)) == len(sample.threads)
    json.dumps(stacks.to_json(sample, collecting=collecting))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ALL)
def test_text_keeps_to_the_width(name: str, width: int) -> None:
    for line in text.render(ALL[name], PLAIN, width):
        assert cells(line) <= width, line


@_calm
@given(strategies.reports, st.sampled_from(WIDTHS))
def test_text_of_any_report_sticks_out_for_unbreakable_words_only(report: Report, width: int) -> None:
    for line in text.render(report, PLAIN, width):
        assert cells(line) <= width or unbreakable(line, width), line
