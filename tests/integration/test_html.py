"""The page in a real browser: nothing is asked of a network, nothing complains, it fits, and its script works."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdiag.core.report import html
from kdiag.engine.diagnosis import diagnosed
from tests.support.browser import Browser, needs_browser

RECORDINGS = Path(__file__).parents[1] / "recordings"
_ON_SHOW = "Array.from(document.querySelector('.flamegraph').querySelectorAll('.box:not(.away)'), b => b.dataset.name)"
_GROUND = "getComputedStyle(document.body).backgroundColor"
_FITS = "document.documentElement.scrollWidth <= window.innerWidth"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    file = tmp_path / "report.html"
    report = diagnosed([RECORDINGS / "gc-pressure.kdiag", RECORDINGS / "nil-dereference.kdiag"])
    file.write_text("\n".join(html.render(report)), encoding="utf-8")
    return file


@needs_browser
def test_the_page_in_a_browser(page: Path) -> None:
    with Browser() as browser:
        for width in (390, 1400):
            browser.open(page, width)
            assert browser.evaluate(_FITS), width
        light = browser.evaluate(_GROUND)
        _zooms_and_walks_by_keys(browser)
        _searches(browser)
        _filters_stacks(browser)
        browser.open(page, 390, dark=True)
        assert browser.evaluate(_GROUND) != light
        assert browser.evaluate(_FITS)
        assert set(browser.requests) <= {page.as_uri(), "data:,"}
        assert browser.complaints == []
        # The policy is what keeps it so: a script that is not ours is refused, and so is a picture from a network.
        browser.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {text: 'window.x = 1'}))"
        )
        assert browser.evaluate("window.x === undefined")
        browser.evaluate("new Image().src = 'http://127.0.0.1:9/x.png'")
        browser.wait_for_complaint("script-src")
        browser.wait_for_complaint("img-src")


def _zooms_and_walks_by_keys(browser: Browser) -> None:
    everything = browser.evaluate(_ON_SHOW)
    browser.evaluate("document.querySelector('.flamegraph .box').focus()")
    for _ in range(len(everything)):
        browser.press("ArrowDown")
    innermost = browser.evaluate("document.activeElement.dataset.name")
    browser.press("Enter")
    narrowed = browser.evaluate(_ON_SHOW)
    assert innermost in narrowed
    assert len(narrowed) < len(everything)
    browser.press("Escape")
    assert browser.evaluate(_ON_SHOW) == everything


def _searches(browser: Browser) -> None:
    browser.evaluate(
        "(() => { const field = document.querySelector('.flames input');"
        " field.value = 'run'; field.dispatchEvent(new Event('input')); })()"
    )
    assert " found, " in browser.evaluate("document.querySelector('.flames output').textContent")
    assert browser.evaluate("document.querySelectorAll('.flamegraph .box.hit').length")


def _filters_stacks(browser: Browser) -> None:
    browser.evaluate(
        "(() => { const field = document.querySelector('.threads input');"
        " field.value = 'no such thread'; field.dispatchEvent(new Event('input')); })()"
    )
    assert browser.evaluate(
        "Array.from(document.querySelector('.threads').querySelectorAll('details')).every(d => d.hidden)"
    )
