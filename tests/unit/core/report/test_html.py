"""The page: whole, harmless whatever the target calls its things, and bounded whatever its size."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kdiag.core.model import Frame, Report, StackGroup, StackSample, ThreadSample, Wait, Window
from kdiag.core.report import html
from kdiag.engine.diagnosis import diagnosed

from . import strategies
from .samples import ALL, TARGET

RECORDINGS = Path(__file__).parents[3] / "recordings"
_EMPTY = {"meta", "link", "input", "polygon", "polyline", "path", "rect"}
_ATTRIBUTES = re.compile(
    r"aria-(label|hidden)|autocomplete|charset|class|content|d|data-(name|start|count|depth|total|label)|height|href|"
    r"http-equiv|id|lang|name|open|points|preserveaspectratio|rel|role|spellcheck|tabindex|type|viewbox|width|x|y"
)


class Page(HTMLParser):
    """What is in a page: each element closed, its attributes, its text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes.update(name for name, _ in attrs)
        self.links.update(value or "" for name, value in attrs if name in {"href", "src"})
        if tag not in _EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _EMPTY:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def written(report: Report) -> str:
    return "\n".join(html.render(report))


def harmless(page: Page) -> bool:
    """One script, one style, no attribute that acts, no link that leaves the page."""
    return (
        page.elements.count("script") == page.elements.count("style") == 1
        and all(_ATTRIBUTES.fullmatch(name) for name in page.attributes)
        and all(re.fullmatch(r"#p\d+|data:,", link) for link in page.links)
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(strategies.reports, st.lists(strategies.stack_samples, max_size=3))
def test_any_report_is_a_whole_and_harmless_page(report: Report, seen: list[StackSample]) -> None:
    stacks = tuple(sorted(seen, key=lambda sample: sample.at))
    window = Window(TARGET, 0.0, 10.0, stacks=stacks, lines=report.lines)
    page = written(replace(report, window=window))
    page.encode("utf-8")
    assert harmless(Page(page))


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style></pre>&lt;"]
)
def test_hostile_names_are_text(hostile: str) -> None:
    frames = (Frame(hostile, 1, hostile),)
    sick = ALL["many findings"]
    finding = replace(sick.findings[0], title=hostile, culprit=replace(sick.findings[0].culprit, function=hostile))  # type: ignore[type-var]
    thread = ThreadSample(1, 1, hostile, frames, wait=Wait.RUNNING)
    window = Window(sick.target, 0.0, 1.0, stacks=(StackSample(0.5, (thread,)),))
    report = replace(
        sick, findings=(finding,), stacks=(StackGroup((hostile,), "running", frames),), window=window,
    )  # fmt: skip
    page = Page(written(report))
    assert harmless(page)
    assert page.text.count(" ".join(hostile.split())) >= 5


@pytest.mark.parametrize("name", ALL)
def test_it_tells_all_that_the_report_does(name: str) -> None:
    report, page = ALL[name], Page(written(ALL[name]))
    for finding in report.findings:
        assert finding.title in page.text
        assert all(remedy.title in page.text for remedy in finding.remedies)
        assert all(evidence.metric in page.text for evidence in finding.evidence)
    for limitation in report.observation.limitations:
        assert limitation.message in page.text


def test_a_page_of_a_recording_has_its_charts_flames_and_source() -> None:
    page = Page(written(diagnosed([RECORDINGS / "nil-dereference.kdiag"])))
    assert page.elements.count("polyline") >= 6
    assert 'return f"pod {pod} goes to {node.name}"' in page.text
    assert "Who held the GIL" in page.text
    assert "All threads, also while they wait" in page.text


def test_the_policy_names_exactly_its_own_script_and_style() -> None:
    page = written(ALL["one finding"])
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert policy[1].startswith("default-src 'none'; ")
    for name in ("script", "style"):
        content = re.search(rf"<{name}>(.*?)</{name}>", page, re.DOTALL)
        assert content
        digest = base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy[1]


def test_thousands_of_threads_that_all_differ_stay_a_page_that_opens() -> None:
    frames = [Frame(f"/srv/a/long/path/of/a/service/module_{n}.py", n, f"Handler{n}.function_{n}") for n in range(2100)]
    threads = [
        ThreadSample(n + 1, n + 1, f"worker-{n}", tuple(frames[n : n + 30]), wait=Wait.LOCK) for n in range(2000)
    ]
    window = Window(TARGET, 0.0, 1.0, stacks=(StackSample(0.5, tuple(threads)),))
    groups = tuple(StackGroup((each.name,), "waiting for a lock", each.frames) for each in threads)
    page = written(replace(ALL["healthy"], stacks=groups, window=window))
    assert len(page) < 2_000_000
    assert "more threads in" in Page(page).text
