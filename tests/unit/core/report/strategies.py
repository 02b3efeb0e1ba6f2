"""Any report at all: names, numbers and shapes as hostile as the model lets them be."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from kdiag.core.catalog import VERDICTS
from kdiag.core.model import (
    HEALTHY,
    INCONCLUSIVE,
    SEVERITIES,
    Cost,
    Evidence,
    Finding,
    Frame,
    Limitation,
    LineFacts,
    NotEnoughEvidence,
    Observation,
    Place,
    Remedy,
    Report,
    Samples,
    StackGroup,
    StackSample,
    Target,
    ThreadSample,
    Wait,
)

# Text as a target may choose it: escapes, marks of markup, line ends, lone surrogates, wide characters.
texts = st.text(max_size=40) | st.sampled_from(
    ["\x1b[31mred\x1b[0m", "<lambda>", "a|b`c``d", "a\nb\tc", "\udc80", "\u202e", "日本語", "]]>", "&amp;", "```"]
)
words = texts.filter(bool)
counts = st.integers(0, 10**9)
numbers = st.floats(allow_nan=True, allow_infinity=True)
spans = st.floats(0, 1e9)
severities = st.sampled_from(SEVERITIES)
verdicts = st.sampled_from(VERDICTS)
optional_texts = st.none() | texts

# Metrics are named by detectors, never by the target.
metrics = st.sampled_from(["gc.share", "gc.collections_per_s.gen2", "pool.waiting_per_worker", "x"])

places = st.builds(Place, texts, counts, texts, optional_texts, optional_texts, words)
frames = st.builds(Frame, texts, counts, texts, st.booleans())
evidence = st.builds(
    Evidence, metrics, numbers, st.sampled_from(["ratio", "s", "bytes", "bytes/min", "count", "1/s", "%", "x", ""]),
    counts, words, st.none() | numbers, st.none() | numbers, st.none() | numbers,
)  # fmt: skip
remedies = st.builds(Remedy, words, texts, texts, st.sampled_from(["none", "low", "high"]))
findings = st.builds(
    Finding,
    verdict=verdicts,
    severity=severities,
    score=st.integers(0, 100),
    confidence=st.floats(0, 1),
    title=words,
    summary=texts,
    culprit=st.none() | places,
    evidence=st.lists(evidence, max_size=3).map(tuple),
    places=st.lists(places, max_size=3).map(tuple),
    suspected=st.booleans(),
    id=texts,
    explanation=texts,
    remedies=st.lists(remedies, max_size=3).map(tuple),
    related=st.lists(st.builds("{}: {}".format, verdicts, words), max_size=2).map(tuple),
    playbook=st.none() | verdicts,
)
targets = st.builds(
    Target,
    pid=st.integers(1, 2**22),
    started_at=texts,
    command=st.lists(texts, max_size=4).map(tuple),
    python=st.sampled_from(["", "3.9.18", "3.14.0b1"]),
    build=st.sampled_from(["release", "debug", "free-threaded"]),
    root=st.sampled_from(["host", "other"]),
)
observations = st.builds(
    Observation,
    started_at=texts,
    duration_s=spans,
    access=st.sampled_from(["process", "stacks", "probe"]),
    samples=st.builds(Samples, counts, counts, counts, counts),
    cost=st.builds(Cost, numbers, numbers, numbers),
    attach_method=st.sampled_from(["preloaded", "pep768", "ptrace", "none"]),
    rates_hz=st.dictionaries(st.sampled_from(["stacks", "process", "collector", "profile"]), numbers),
    limitations=st.lists(st.builds(Limitation, words, words, texts), max_size=2).map(tuple),
)
stack_groups = st.builds(
    StackGroup, st.lists(texts, min_size=1, max_size=12).map(tuple), texts, st.lists(frames, max_size=4).map(tuple)
)


def _report(parts: dict[str, Any]) -> Report:
    """The verdict and the severity are those of the first finding, as the model promises."""
    found = parts["findings"]
    verdict = found[0].verdict if found else parts.pop("without")
    parts.pop("without", None)
    lines = {
        (place.file, place.line): LineFacts(text)
        for place, text in zip([finding.culprit for finding in found if finding.culprit], ["x = 1", ""], strict=False)
    }
    return Report(verdict=verdict, severity=found[0].severity if found else None, lines=lines, **parts)


def _reports(children: st.SearchStrategy[tuple[Report, ...]]) -> st.SearchStrategy[Report]:
    return st.fixed_dictionaries(
        {
            "target": targets,
            "observation": observations,
            "findings": st.lists(findings, max_size=3).map(tuple),
            "without": st.sampled_from([HEALTHY, INCONCLUSIVE]),
            "undecided": st.lists(st.builds(NotEnoughEvidence, verdicts, words, texts), max_size=2).map(tuple),
            "vitals": st.dictionaries(words, numbers, max_size=3),
            "stacks": st.lists(stack_groups, max_size=2).map(tuple),
            "children": children,
        }
    ).map(_report)


_alone = _reports(st.just(()))
reports = _alone | _reports(st.lists(_alone, max_size=2).map(tuple))

threads = st.builds(
    ThreadSample,
    thread_id=counts,
    ident=counts,
    name=texts,
    frames=st.lists(frames, max_size=4).map(tuple),
    holds_gil=st.booleans(),
    wait=st.sampled_from(list(Wait)),
)
stack_samples = st.builds(StackSample, spans, st.lists(threads, max_size=6).map(tuple), took_s=spans, pause_s=spans)
