"""What each verdict means and what to do about it: prose, kept as data beside this module, one file per verdict.

It is separate from the detectors because they are written by different hands for different readers: a detector
proves with numbers, an entry advises in words. Numbers of thresholds stand in the detectors only.
"""

from __future__ import annotations

import difflib
import re
import shlex
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, get_args

from kdiag.core.model import Access, Finding, Remedy
from kdiag.errors import USAGE, KdiagError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERDICTS = (
    "nil-dereference",
    "dict-mutation",
    "gc-pressure",
    "pool-exhaustion",
    "deadlock",
    "lock-contention",
    "event-loop-blocked",
    "gil-contention",
    "cpu-hot-loop",
    "memory-leak",
    "fd-leak",
    "thread-leak",
    "zombie-children",
    "unhandled-crash",
)

_PLACEHOLDER = re.compile(r"\{(pid|file|line|function|thread|object)\}")
_SENTENCE_END = re.compile(r"(?<=[.!?]) ")


@dataclass(frozen=True, slots=True)
class Entry:
    """Everything that is said about one verdict, whoever has it.

    Attributes:
        access: the least access that can prove the verdict.
        outside, probe: how it is detected; empty where it cannot be.
        explanation: what is going on and why it hurts.
        remedies: the first one's title says what to do next.
        leads: of each remedy the number with which a finding puts it first; "" where none does.
        only: of each remedy whether it is for findings with that number alone.
        look_alikes: healthy programs that look like it, and why they are not it.
        see_also: other verdicts to look at.
    """

    verdict: str
    title: str
    meaning: str
    access: Access
    outside: str
    probe: str
    explanation: str
    remedies: tuple[Remedy, ...]
    leads: tuple[str, ...]
    only: tuple[bool, ...]
    look_alikes: tuple[str, ...]
    see_also: tuple[str, ...]


@cache
def entry(verdict: str) -> Entry:
    """The entry of a verdict.

    Raises:
        KdiagError: there is no such verdict.
    """
    if verdict not in VERDICTS:
        close = difflib.get_close_matches(verdict, VERDICTS, n=1)
        raise KdiagError(
            "unknown-verdict",
            f"There is no verdict {verdict!r}.",
            hint=f"Did you mean {close[0]}?" if close else f"Verdicts are: {', '.join(VERDICTS)}.",
            exit_code=USAGE,
        )
    text = files(__name__).joinpath(f"{verdict}.toml").read_text(encoding="utf-8")
    return _parse(verdict, tomllib.loads(text))


def _parse(verdict: str, data: Mapping[str, Any]) -> Entry:
    return Entry(
        verdict=verdict,
        title=data["title"],
        meaning=_one_line(data["meaning"]),
        access=data["access"],
        outside=_one_line(data["detection"]["outside"]),
        probe=_one_line(data["detection"]["probe"]),
        explanation=_one_line(data["explanation"]),
        remedies=tuple(
            Remedy(one["title"], _one_line(one["detail"]), one.get("command", ""), one["risk"])
            for one in data["remedies"]
        ),
        leads=tuple(one.get("leads", "") for one in data["remedies"]),
        only=tuple(one.get("only", False) for one in data["remedies"]),
        look_alikes=tuple(_one_line(text) for text in data["look_alikes"]),
        see_also=tuple(data["see_also"]),
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def within_reach(access: Access) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The verdicts that this access can prove, and those that need more."""
    ranks = get_args(Access)
    within = tuple(verdict for verdict in VERDICTS if ranks.index(entry(verdict).access) <= ranks.index(access))
    return within, tuple(verdict for verdict in VERDICTS if verdict not in within)


def dress(finding: Finding, of: Entry, pid: int | None = None) -> Finding:
    """The finding with its explanation, its remedies and its playbook, told with the finding's own places.

    A sentence whose facts the finding does not have is left out; a command shows the fact's name in capitals instead.
    """
    facts = _facts(finding, pid)
    return replace(
        finding,
        explanation=fill(of.explanation, facts),
        remedies=tuple(
            replace(remedy, detail=fill(remedy.detail, facts), command=fill_command(remedy.command, facts))
            for remedy in _fitting(of, finding)
        ),
        playbook=of.verdict,
    )


def _fitting(of: Entry, finding: Finding) -> list[Remedy]:
    """The remedies for this finding; what it has a number for comes first."""
    numbers = {each.metric for each in finding.evidence}
    chosen = [
        (metric not in numbers, remedy)
        for remedy, metric, only in zip(of.remedies, of.leads, of.only, strict=True)
        if metric in numbers or not only
    ]
    return [remedy for _, remedy in sorted(chosen, key=lambda each: each[0])]


def _facts(finding: Finding, pid: int | None) -> dict[str, str]:
    where = finding.culprit
    known = {
        "pid": pid,
        "file": where and where.file,
        "line": where and where.line,
        "function": where and where.function,
        "thread": where and where.thread,
        "object": where and where.object,
    }
    return {name: str(value) for name, value in known.items() if value}


def fill(text: str, facts: Mapping[str, str]) -> str:
    """The text with its placeholders filled, less the sentences that ask for a fact that is not known."""
    told = (
        sentence
        for sentence in _SENTENCE_END.split(text)
        if all(name in facts for name in _PLACEHOLDER.findall(sentence))
    )
    return _PLACEHOLDER.sub(lambda match: facts[match[1]], " ".join(told))


def fill_command(command: str, facts: Mapping[str, str]) -> str:
    """The command with its placeholders filled, quoted for the shell; an unknown fact shows as PID, FILE, …."""
    return _PLACEHOLDER.sub(
        lambda match: shlex.quote(facts[match[1]]) if match[1] in facts else match[1].upper(), command
    )
