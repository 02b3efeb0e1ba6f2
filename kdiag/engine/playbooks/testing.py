"""Runs the tests that a playbook carries: series instead of a process, and what must come of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.playbooks.model import Test
from kdiag.core.playbooks.plan import Run, matches
from kdiag.engine.playbooks.conditions import evaluate, floats
from kdiag.engine.playbooks.looking import Fed
from kdiag.engine.playbooks.run import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.playbooks.model import Playbook


@dataclass(frozen=True, slots=True)
class Tested:
    """One test and where it failed; nothing where it passed."""

    test: Test
    run: Run
    failures: tuple[str, ...]


def run_tests(playbook: Playbook) -> list[Tested]:
    """All of a playbook's tests."""
    return [_run(playbook, test) for test in playbook.tests]


def _run(playbook: Playbook, test: Test) -> Tested:
    fed = Fed(test.inputs)
    picked, _ = matches(playbook, fed.now() | {"params": floats(playbook.params)}, evaluate)
    done = run(playbook, fed)
    return Tested(test, done, tuple(_failures(test, done, matched=picked)))


def _failures(test: Test, done: Run, *, matched: bool) -> Iterator[str]:
    found = tuple((finding, severity) for finding, severity, _ in done.findings)
    clear = done.clear.holds if done.clear else None
    pairs = (
        ("matches", test.matches, matched), ("path", test.path, done.path), ("findings", test.findings, found),
        ("exit", test.exit, done.exit), ("clear", test.clear, clear),
    )  # fmt: skip
    for name, wanted, got in pairs:
        if wanted is not None and wanted != got:
            yield f"{name}: expected {_worded(wanted)}, got {_worded(got)}"


def _worded(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(" ".join(each) if isinstance(each, tuple) else str(each) for each in value) or "none"
    return str(value).lower()
