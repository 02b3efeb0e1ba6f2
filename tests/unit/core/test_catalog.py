"""Every verdict has its entry, and an entry tells each finding apart from none."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from importlib.resources import files

import pytest

from kdiag.cli.registry import COMMANDS
from kdiag.core.catalog import VERDICTS, dress, entry, fill, fill_command, within_reach
from kdiag.core.model import Evidence, Finding, Place
from kdiag.errors import USAGE, KdiagError

PLACEHOLDER = re.compile(r"\{[a-z_]*\}")
BARE = Finding("gc-pressure", "warning", 80, 0.9, "title", "", None, ())
COMPLETE = replace(BARE, culprit=Place("/srv/a b.py", 7, "f.<locals>.g", "worker", "module.CACHE"))


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?]) ", text)


def test_what_a_finding_has_a_number_for_is_what_to_do_first() -> None:
    pools = entry("pool-exhaustion")

    def first(*metrics: str) -> list[str]:
        numbers = tuple(Evidence(metric, 1, "count", 1, "probe") for metric in metrics)
        return [each.title for each in dress(replace(BARE, evidence=numbers), pools).remedies]

    plain = first("pool.stuck")
    assert plain[0].startswith("Look at the line")
    assert not any("inner job" in title for title in plain), "it is for nested waits alone"
    assert first("pool.nested")[0].startswith("Give the inner job a pool of its own")
    assert first("pool.kept")[0].startswith("Give back")
    assert sorted(first("pool.kept")) == sorted(plain)


def test_there_is_one_file_for_each_verdict_and_no_other() -> None:
    names = {file.name for file in files("kdiag.core.catalog").iterdir() if file.name.endswith(".toml")}
    assert names == {f"{verdict}.toml" for verdict in VERDICTS}
    assert len(VERDICTS) == 14


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_entry_is_complete(verdict: str) -> None:
    told = entry(verdict)
    assert told.verdict == verdict
    assert told.title
    assert not told.title.endswith(".")
    assert told.meaning.endswith(".")
    assert told.outside or told.probe
    assert (told.access == "probe") == (not told.outside)
    assert 2 <= len(sentences(told.explanation)) <= 4
    assert told.look_alikes
    assert told.see_also
    assert set(told.see_also) <= set(VERDICTS) - {verdict}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_entry_gives_advice_with_a_next_step_that_can_be_taken(verdict: str) -> None:
    remedies = entry(verdict).remedies
    assert len(remedies) >= 2
    assert remedies[0].command
    assert remedies[0].risk == "none"
    for remedy in remedies:
        assert remedy.risk in {"none", "low", "high"}
        assert remedy.title.endswith(".")
        assert len(sentences(remedy.title)) == 1
        assert remedy.detail.endswith(".")


@pytest.mark.parametrize("verdict", VERDICTS)
def test_only_details_and_commands_ask_for_facts(verdict: str) -> None:
    told = entry(verdict)
    prose = [told.title, told.meaning, told.outside, told.probe, told.explanation, *told.look_alikes]
    prose += [remedy.title for remedy in told.remedies]
    assert not [text for text in prose if "{" in text]


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("finding", [BARE, COMPLETE], ids=["bare", "complete"])
def test_a_dressed_finding_shows_no_placeholder(verdict: str, finding: Finding) -> None:
    for pid in (None, 4711):
        dressed = dress(replace(finding, verdict=verdict), entry(verdict), pid)
        assert dressed.explanation
        assert dressed.playbook == verdict
        assert dressed.remedies
        for remedy in dressed.remedies:
            assert not PLACEHOLDER.findall(remedy.detail)
            assert not PLACEHOLDER.findall(remedy.command)
            assert remedy.detail, "a detail must say something when the finding names no place"
            shlex.split(remedy.command)


def test_commands_are_ones_that_exist() -> None:
    ours = re.compile(r"kdiag (\w+)")
    for verdict in VERDICTS:
        for remedy in entry(verdict).remedies:
            assert set(ours.findall(remedy.command)) <= set(COMMANDS)


def test_facts_are_quoted_for_the_shell() -> None:
    command = fill_command("git log -L {line},+1:{file}", {"line": "7", "file": "/srv/$(rm -rf x) y.py"})
    assert shlex.split(command) == ["git", "log", "-L", "7,+1:/srv/$(rm -rf x) y.py"]
    assert fill_command("kdiag stacks {pid} {file}", {}) == "kdiag stacks PID FILE"
    assert fill_command("awk '{print $1}'", {"file": "x"}) == "awk '{print $1}'"


@pytest.mark.parametrize("verdict", VERDICTS)
def test_no_placeholder_but_the_pid_stands_inside_quotes(verdict: str) -> None:
    for remedy in entry(verdict).remedies:
        quoted = re.findall(r"'[^']*'|\"[^\"]*\"", remedy.command)
        assert not [text for text in quoted if set(PLACEHOLDER.findall(text)) - {"{pid}"}]


def test_a_sentence_without_its_facts_is_left_out() -> None:
    text = "First. See {file}:{line}. Last."
    assert fill(text, {"file": "a.py", "line": "3"}) == "First. See a.py:3. Last."
    assert fill(text, {"file": "a.py"}) == "First. Last."


def test_access_decides_what_can_be_looked_for() -> None:
    assert within_reach("process")[0] == ("memory-leak", "fd-leak", "thread-leak", "zombie-children")
    assert within_reach("stacks")[1] == ("nil-dereference", "dict-mutation", "unhandled-crash")
    assert within_reach("probe") == (VERDICTS, ())


@pytest.mark.parametrize(
    ("name", "hint"),
    [("gc-presure", "Did you mean gc-pressure?"), ("../catalog", "Verdicts are: nil-dereference,"), ("", "Verdicts")],
)
def test_an_unknown_verdict_is_a_clear_error(name: str, hint: str) -> None:
    with pytest.raises(KdiagError) as caught:
        entry(name)
    assert caught.value.reference == "unknown-verdict"
    assert caught.value.exit_code == USAGE
    assert caught.value.hint.startswith(hint)
