"""What can be wrong with a playbook that is well-formed: each rule looks at the model alone and points to a place.

Separate from the form (`shape`): these are about sense. What only a computation of conditions tells is handed in.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from kdiag.core.playbooks.actions import ACTIONS
from kdiag.core.playbooks.evidence import FIELDS, GROUPS
from kdiag.core.playbooks.expressions import LONGEST, PARAMETER, parts, paths, placeholders
from kdiag.core.playbooks.model import END, At, Playbook, Problem, Step, Text
from kdiag.core.playbooks.shape import RISKS

if TYPE_CHECKING:
    from collections.abc import Iterable

FASTEST_HZ = 1000
CheckPart = Callable[[str, "Playbook"], tuple[str, str, int] | None]
"""What is wrong with one part of a condition: rule, message, and offset in it; None for nothing."""

RULES = {
    "yaml": "The file is no YAML, or not one document.",
    "unknown-key": "A key that the format does not have.",
    "missing-key": "A key that must be there.",
    "wrong-type": "A value, or a condition, of the wrong type.",
    "wrong-value": "A text that is none of those possible.",
    "duplicate-key": "A key that is there twice.",
    "duplicate-step": "Two steps with the same id.",
    "unknown-step": "A `next` to a step that is not there.",
    "unreachable-step": "A step that no path leads to, or an outcome behind the default.",
    "cycle": "Steps that lead back to themselves.",
    "missing-default": "Outcomes without a default: where none holds nobody knows what follows.",
    "undefined-variable": "A value that the evidence does not have, or a parameter that is not declared.",
    "bad-condition": "A condition that is no CEL.",
    "braces": "Braces in a condition: they are for messages only.",
    "missing-runbook": "No page for people, or one that is not there.",
    "change-without-confirm": "A step that changes the process, or an action, without asking.",
    "undeclared-risk": "A step that does more to the process than the playbook declares, and asks nobody.",
}


def lint(playbook: Playbook, check: CheckPart) -> list[Problem]:
    """All that is wrong with it, in order of place."""
    found = [
        *_ids(playbook), *_nexts(playbook), *_defaults(playbook), *_reachable(playbook), *_cycles(playbook),
        *_conditions(playbook, check), *_messages(playbook), *_parameters(playbook), *_runbook(playbook),
        *_changes(playbook), *_risks(playbook), *_rates(playbook), *_inputs(playbook),
    ]  # fmt: skip
    return sorted(set(found))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint at the closest of the known words; all of them where they are few and none is close."""
    words = list(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]}?"
    return f"One of: {', '.join(words)}." if 1 <= len(words) <= 12 else ""


def moved(at: At, offset: int) -> At:
    """A place further on in the same line."""
    return replace(at, column=at.column + offset)


def _ids(playbook: Playbook) -> Iterator[Problem]:
    seen: Counter[str] = Counter()
    for step in playbook.steps:
        seen[step.id] += 1
        if seen[step.id] == 2:
            yield Problem(step.at, "duplicate-step", f"There are two steps {step.id!r}.")
        if step.id == END:
            yield Problem(step.at, "duplicate-step", "No step can be called 'end': that is what `next` calls the end.")


def _nexts(playbook: Playbook) -> Iterator[Problem]:
    known = [step.id for step in playbook.steps] + [END]
    for step in playbook.steps:
        for outcome in step.outcomes:
            if outcome.next.text not in known:
                hint = did_you_mean(outcome.next.text, known)
                yield Problem(outcome.next.at, "unknown-step", f"There is no step {outcome.next.text!r}.", hint)


def _defaults(playbook: Playbook) -> Iterator[Problem]:
    for step in playbook.steps:
        defaults = [number for number, outcome in enumerate(step.outcomes) if outcome.default]
        if not defaults:
            hint = "Add {default: true, verdict: inconclusive, next: end}."
            yield Problem(step.at, "missing-default", f"The step {step.id!r} has no default.", hint)
        for outcome in step.outcomes[defaults[0] + 1 :] if defaults else ():
            yield Problem(outcome.at, "unreachable-step", "This outcome stands behind the default, and is never taken.")


def _followers(step: Step) -> set[str]:
    return {outcome.next.text for outcome in step.outcomes}


def _reachable(playbook: Playbook) -> Iterator[Problem]:
    if not playbook.steps:
        return
    by_id = {step.id: step for step in reversed(playbook.steps)}
    reached, todo = set(), [playbook.steps[0].id]
    while todo:
        name = todo.pop()
        if name in by_id and name not in reached:
            reached.add(name)
            todo.extend(_followers(by_id[name]))
    for step in playbook.steps:
        if step.id not in reached:
            yield Problem(step.at, "unreachable-step", f"No path leads to the step {step.id!r}.")


def _cycles(playbook: Playbook) -> Iterator[Problem]:
    """Each step from which a path leads back to it, told once a circle: at the step that comes first in the file."""
    by_id = {step.id: step for step in reversed(playbook.steps)}
    told: set[str] = set()
    for step in playbook.steps:
        circle = _way_back(step.id, by_id)
        if circle and not told & set(circle):
            told |= set(circle)
            way = " → ".join([*circle, step.id])
            yield Problem(step.at, "cycle", f"The steps lead back to themselves: {way}.", "Use retry to look again.")


def _way_back(start: str, by_id: dict[str, Step]) -> list[str]:
    ways, seen = [[start]], set()
    while ways:
        way = ways.pop()
        for name in sorted(_followers(by_id[way[-1]])):
            if name == start:
                return way
            if name in by_id and name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


def conditions(playbook: Playbook) -> Iterator[Text]:
    """All conditions of a playbook."""
    yield from playbook.match
    yield playbook.clear
    for step in playbook.steps:
        yield from (outcome.when for outcome in step.outcomes)
    for each in playbook.next_steps:
        yield each.when
        yield each.verify


def _conditions(playbook: Playbook, check: CheckPart) -> Iterator[Problem]:
    for condition in filter(None, conditions(playbook)):
        text, at = condition.text, condition.at
        if "{{" in text or "${" in text:
            hint = "Write the value's path alone: gc.share >= 0.4"
            yield Problem(moved(at, max(text.find("{{"), text.find("${"))), "braces", "A condition has braces.", hint)
            continue
        if len(text) > LONGEST:
            yield Problem(at, "bad-condition", f"A condition is longer than {LONGEST} characters.")
            continue
        undefined = list(_undefined(playbook, paths(text), at))
        yield from undefined
        if not undefined:
            for part, offset in parts(text):
                wrong = check(part, playbook)
                if wrong is not None:
                    rule, message, further = wrong
                    yield Problem(moved(at, offset + further), rule, message)


def _undefined(playbook: Playbook, asked: Iterable[tuple[str, int]], at: At) -> Iterator[Problem]:
    parameters = [f"params.{name}" for name in playbook.params]
    for path, offset in asked:
        if path not in FIELDS and path not in parameters and path not in GROUPS:
            close = did_you_mean(path, [*FIELDS, *parameters])
            hint = close or "kdiag playbook docs --evidence  lists all values"
            yield Problem(moved(at, offset), "undefined-variable", f"The evidence has no {path!r}.", hint)


def _messages(playbook: Playbook) -> Iterator[Problem]:
    for step in playbook.steps:
        for outcome in step.outcomes:
            yield from _undefined(playbook, placeholders(outcome.message.text), outcome.message.at)


def _parameters(playbook: Playbook) -> Iterator[Problem]:
    for step in playbook.steps:
        for match in PARAMETER.finditer(step.duration.text):
            if playbook.param_types.get(match[1]) != "duration":
                message = f"There is no parameter {match[1]!r} of the type duration."
                hint = did_you_mean(match[1], playbook.params)
                yield Problem(moved(step.duration.at, match.start()), "undefined-variable", message, hint)


def _runbook(playbook: Playbook) -> Iterator[Problem]:
    if not playbook.runbook:
        hint = f"metadata.runbook_url: docs/runbooks/{playbook.name}.md; kdiag playbook docs {playbook.name} writes it"
        yield Problem(playbook.runbook.at, "missing-runbook", "It names no runbook.", hint)


def _changes(playbook: Playbook) -> Iterator[Problem]:
    for each in playbook.next_steps:
        if each.risk == "change" and not each.confirm:
            message = f"{each.title!r} changes the process without asking."
            yield Problem(each.at, "change-without-confirm", message, "Add confirm: true.")
        action = ACTIONS.get(each.action.text)
        if action is None:
            continue
        if RISKS.index(each.risk) < RISKS.index(action.risk):
            message = f"The action {each.action.text} has the risk {action.risk}."
            hint = f"Write risk: {action.risk}, confirm: true."
            yield Problem(each.action.at, "change-without-confirm", message, hint)
        elif not each.confirm and each.risk != "change":
            message = f"The action {each.action.text} would be done without asking."
            yield Problem(each.at, "change-without-confirm", message, "Add confirm: true.")


def _risks(playbook: Playbook) -> Iterator[Problem]:
    """A person who is asked decides by what the question says; for all else the playbook must speak beforehand."""
    for each in playbook.next_steps:
        if not each.confirm and RISKS.index(each.risk) > RISKS.index(playbook.risk):
            message = f"{each.title!r} has the risk {each.risk}, and the playbook declares {playbook.risk}."
            hint = f"Write requires: {{risk: {each.risk}}}, or let a person be asked: confirm: true."
            yield Problem(each.risk_at, "undeclared-risk", message, hint)


def _rates(playbook: Playbook) -> Iterator[Problem]:
    for step in playbook.steps:
        if step.rate is not None and not 0 < step.rate <= FASTEST_HZ:
            message = f"A rate of {step.rate:g} a second is not possible."
            yield Problem(step.rate_at, "wrong-value", message, f"Above 0, and {FASTEST_HZ} at most.")
        elif step.rate is not None and step.collect.text != "stacks.sample":
            message = f"A rate means nothing to {step.collect.text}: it is of stacks.sample."
            yield Problem(step.rate_at, "wrong-value", message, "Leave it out.")


def _inputs(playbook: Playbook) -> Iterator[Problem]:
    for test in playbook.tests:
        for path, series in test.inputs.items():
            if path not in FIELDS:
                yield from _undefined(playbook, [(path, 0)], test.at)
            elif any(_kind(value) not in {None, FIELDS[path].kind} for value in series):
                yield Problem(test.at, "wrong-type", f"The input {path!r} is no {FIELDS[path].kind}.")


def _kind(value: object) -> str | None:
    if value is None:
        return None
    return "bool" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
