"""`kdiag diff` as CI uses it: its exit code, its words, its JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kdiag.cli.main import run
from tests.support.contracts import checked

FOLDER = Path(__file__).parents[2] / "recordings"
HEALTHY, SICK = str(FOLDER / "healthy.kdiag"), str(FOLDER / "gc-pressure.kdiag")


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        ((HEALTHY, SICK), 1, "WORSE gc-pressure"),
        ((HEALTHY, SICK, "--fail-on", "never"), 0, "SAME"),
        ((SICK, HEALTHY), 0, "BETTER gc-pressure"),
        ((SICK, SICK), 0, "SAME"),
        ((str(FOLDER / "deadlock.kdiag"), SICK), 1, "WORSE gc-pressure"),
    ],
)
def test_it_fails_when_it_got_worse(
    arguments: tuple[str, ...], code: int, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["diff", *arguments]) == code
    assert capsys.readouterr().out.startswith(word)


def test_the_text_names_what_appeared_with_its_place_and_the_numbers_of_both(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(["diff", HEALTHY, SICK])
    text = capsys.readouterr().out
    assert "\n  appeared " in text
    assert "at /srv/shop/collector.py:" in text
    assert " % → " in text
    run(["diff", SICK, SICK])
    text = capsys.readouterr().out
    assert "gc.pause_max" in text
    assert "vitals  as before" in text


def test_json_is_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", HEALTHY, SICK, "--format", "json"]) == 1
    data = checked(json.loads(capsys.readouterr().out))
    assert data["schema"] == "kdiag.diff/v1"
    assert data["worse"] is True
    assert (data["before"]["verdict"], data["after"]["verdict"]) == ("healthy", "gc-pressure")
    (finding,) = data["processes"][0]["findings"]
    assert finding["change"] == "appeared"
    assert finding["before"] is None
    assert finding["after"]["culprit"]["function"]
    assert data["processes"][0]["vitals"]["rss_bytes"]["before"] > 0


def test_a_file_that_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", HEALTHY, "no-such-file"]) == 3
    assert "error[unreadable-file]" in capsys.readouterr().err
