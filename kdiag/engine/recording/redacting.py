"""What a recording keeps without its secrets: a recording is made to be passed on, as a report is.

Separate because all that is written goes through it; command lines were redacted when they were read.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from kdiag.core.model import LineFacts, ProcessSample, Sample
from kdiag.core.redact import redact_source, redact_text

if TYPE_CHECKING:
    from collections.abc import Mapping


def redacted(sample: Sample) -> Sample:
    """A sample whose free texts are redacted: the names of descriptors and of children."""
    if not isinstance(sample, ProcessSample):
        return sample
    children = tuple(replace(child, command=redact_text(child.command)) for child in sample.children)
    return replace(sample, children=children, descriptor_names=_names(sample.descriptor_names))


def redacted_line(facts: LineFacts) -> LineFacts:
    """What the source says of a line, with the secrets that it spells out hidden."""
    return replace(
        facts, text=redact_source(facts.text), acquires=tuple(map(redact_source, facts.acquires)),
        holds=tuple((redact_source(expression), line) for expression, line in facts.holds),
        call=redact_source(facts.call),
    )  # fmt: skip


def _names(names: Mapping[str, int]) -> Mapping[str, int]:
    counted: Counter[str] = Counter()
    for name, count in names.items():
        counted[redact_text(name)] += count  # two may be the same without their secrets
    return dict(counted)
