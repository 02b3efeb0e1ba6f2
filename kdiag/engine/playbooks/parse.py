"""Reads the text of a playbook: its form is checked against the table of keys, then the model is built.

Every fault is told with its line and column, as many as there are; a playbook with any of them is not built. Separate
from the rules of sense, which need a model to look at.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kdiag.core.playbooks.model import (
    END,
    At,
    Limits,
    NextStep,
    Outcome,
    Playbook,
    Problem,
    Step,
    Test,
    Text,
)
from kdiag.core.playbooks.rules import did_you_mean
from kdiag.core.playbooks.shape import DURATION, NAME, PARTS, Key
from kdiag.engine.playbooks.nodes import Node, NotYamlError, items, kind, read_nodes
from kdiag.engine.playbooks.series import BadSeriesError, series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kdiag.core.playbooks.model import Value

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PARAMETER = re.compile(r"^\$\{params\.[\w-]+\}$")
_EMPTY = Node({}, At(), {})
_TEXTS = {"text", "name", "condition", "duration"}
_OTHERS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "bool": (lambda value: isinstance(value, bool), "true or false"),
    "int": (lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0, "a whole number"),
    "number": (lambda value: isinstance(value, int | float) and not isinstance(value, bool), "a number"),
    "value": (lambda value: isinstance(value, bool | int | float | str), "a text, a number, or true or false"),
    "map": (lambda value: isinstance(value, dict), "a table"),
    "any": (lambda value: isinstance(value, dict), "a table"),
}


def parse(text: str, source: str = "") -> tuple[Playbook | None, list[Problem]]:
    """The playbook of a text, None where its form is wrong; and what is wrong with the form."""
    try:
        root, problems = read_nodes(text)
    except NotYamlError as error:
        return None, [error.problem]
    problems += list(_check(root, "playbook"))
    if problems:
        return None, sorted(problems)
    try:
        return _playbook(root, source), []
    except BadSeriesError as error:
        return None, [Problem(error.at, "wrong-value", str(error), 'Like 0.62, "0.62x6", "1+1x5" or "1 2 _ 4".')]


def seconds(text: str) -> float:
    """Seconds of a duration."""
    match = re.match(r"([\d.]+)(\w+)", text)
    return float(match[1]) * _UNITS[match[2]] if match else 0.0


def _check(node: Node, kind_: str, choices: tuple[str, ...] = ()) -> Iterator[Problem]:
    if kind_.endswith("[]"):
        if not isinstance(node.value, list):
            yield _wrong(node, "a list")
            return
        for each in node.value:
            yield from _check(each, kind_[:-2])
    elif kind_.endswith("{}"):
        if not isinstance(node.value, dict):
            yield _wrong(node, "a table")
            return
        for _, value, _ in items(node):
            yield from _check(value, kind_[:-2])
    elif kind_ in PARTS:
        yield from _check_part(node, kind_)
    else:
        yield from _check_plain(node, kind_, choices)


def _check_part(node: Node, part: str) -> Iterator[Problem]:
    keys = PARTS[part]
    if not isinstance(node.value, dict):
        yield _wrong(node, f"a table with {', '.join(list(keys)[:4])}")
        return
    for name, value, at in items(node):
        if name not in keys:
            yield Problem(at, "unknown-key", f"There is no key {name!r} here.", did_you_mean(name, keys))
        else:
            yield from _check(value, keys[name].kind, keys[name].choices)
    for name, key in keys.items():
        if key.required and name not in node.value:
            yield Problem(node.at, "missing-key", f"The key {name!r} is missing: {key.meaning}.")
    yield from _check_together(node, part, keys)


def _check_together(node: Node, part: str, keys: dict[str, Key] | Any) -> Iterator[Problem]:
    """What one key says of another."""
    held = node.value
    if part == "outcome" and ("when" in held) == ("default" in held):
        yield Problem(node.at, "missing-key", "An outcome has either `when` or `default: true`.")
    if part == "outcome" and "default" in held and held["default"].value is False:
        yield Problem(held["default"].at, "wrong-value", "A default is true, or is left out.")
    if part == "match" and len(held.keys() & keys.keys()) != 1:
        yield Problem(node.at, "missing-key", "A match has either `any` or `all`.")
    if part == "spec" and "steps" in held and held["steps"].value == []:
        yield Problem(held["steps"].at, "missing-key", "There is no step.")
    if part == "step" and "outcomes" in held and held["outcomes"].value == []:
        yield Problem(held["outcomes"].at, "missing-default", "There is no outcome, nor a default.")
    if part == "param" and {"type", "default"} <= held.keys():
        yield from _check_default(held["type"].value, held["default"])


def _check_default(type_: Any, node: Node) -> Iterator[Problem]:
    value = node.value
    right = {
        "duration": isinstance(value, str) and re.match(DURATION, value) is not None,
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "bool": isinstance(value, bool),
        "text": isinstance(value, str),
    }
    if not right.get(type_, True):
        yield Problem(node.at, "wrong-type", f"The default {value!r} is no {type_}.")


def _check_plain(node: Node, kind_: str, choices: tuple[str, ...]) -> Iterator[Problem]:
    if kind_ in _TEXTS:
        if isinstance(node.value, str):
            yield from _check_text(node, kind_, choices)
        else:
            hint = "Put it in quotes." if isinstance(node.value, bool | int | float) else ""
            yield _wrong(node, "a text", hint)
        return
    right, wanted = _OTHERS[kind_]
    if not right(node.value):
        yield _wrong(node, wanted)
    elif kind_ == "map":
        for each in node.value.values():
            yield from _check_plain(each, "text", ())


def _check_text(node: Node, kind_: str, choices: tuple[str, ...]) -> Iterator[Problem]:
    value = node.value
    if choices and value not in choices:
        yield Problem(node.at, "wrong-value", f"{value!r} is not possible here.", did_you_mean(value, choices))
    elif kind_ == "duration" and not re.match(DURATION, value) and not _PARAMETER.match(value):
        yield Problem(node.at, "wrong-value", f"{value!r} is no duration.", "Like 500ms, 10s, 3m or 1h.")
    elif kind_ == "name" and not re.match(NAME, value):
        yield Problem(node.at, "wrong-value", f"{value!r} is no name.", "Lower case, digits and hyphens.")
    elif kind_ == "condition" and not value.strip():
        yield Problem(node.at, "bad-condition", "The condition is empty.")


def _wrong(node: Node, wanted: str, hint: str = "") -> Problem:
    return Problem(node.at, "wrong-type", f"Here must be {wanted}, and is {kind(node)}.", hint)


def _get(node: Node, *path: str) -> Node:
    for name in path:
        node = node.value.get(name, _EMPTY)
    return node


def _plain(node: Node, name: str, default: Any = "") -> Any:
    return node.value[name].value if name in node.value else default


def _text(node: Node, name: str, default: str = "") -> Text:
    return Text(node.value[name].value, node.value[name].at) if name in node.value else Text(default, node.at)


def _list(node: Node, name: str) -> list[Any]:
    return list(_plain(node, name, []))


def _seconds(node: Node, name: str, default: float) -> float:
    return seconds(node.value[name].value) if name in node.value else default


def _playbook(root: Node, source: str) -> Playbook:
    metadata, spec = root.value["metadata"], root.value["spec"]
    docs, match, params = spec.value["docs"], _get(spec, "match"), _get(spec, "params")
    requires = _get(spec, "requires")
    how = "any" if "any" in match.value else "all"
    return Playbook(
        name=metadata.value["name"].value,
        labels={name: each.value for name, each, _ in items(_get(metadata, "labels"))},
        runbook=_text(metadata, "runbook_url"),
        meaning=_text(docs, "meaning"), impact=_text(docs, "impact"), mitigation=_text(docs, "mitigation"),
        match=tuple(Text(each.value, each.at) for each in _list(match, how)),
        any_matches=how == "any",
        clear=_text(spec, "clear"),
        params={name: _parameter(each) for name, each, _ in items(params)},
        access=_plain(requires, "access", "process"),
        risk=_plain(requires, "risk", "read-only"),
        limits=_limits(_get(spec, "limits")),
        steps=tuple(_step(each) for each in spec.value["steps"].value),
        next_steps=tuple(_next_step(each) for each in _list(_get(spec, "conclude"), "next_steps")),
        tests=tuple(_test(each) for each in _list(root, "tests")),
        source=source, at=root.at,
        param_types={name: each.value["type"].value for name, each, _ in items(params)},
    )  # fmt: skip


def _parameter(node: Node) -> Value:
    value: Value = node.value["default"].value
    return seconds(str(value)) if node.value["type"].value == "duration" else value


def _limits(node: Node) -> Limits:
    runs, none = _get(node, "runs"), Limits()
    pause = _seconds(node, "max_target_pause", -1.0)
    return Limits(
        _seconds(node, "duration", none.duration), _plain(runs, "count", None), _seconds(runs, "per", none.per),
        None if pause < 0 else pause * 1000,
    )  # fmt: skip


def _step(node: Node) -> Step:
    retry = _get(node, "retry")
    return Step(
        id=node.value["id"].value, collect=_text(node, "collect"),
        duration=_text(_get(node, "with"), "duration", "0s"), timeout=_seconds(node, "timeout", 60.0),
        retries=_plain(retry, "count", 0), delay=_seconds(retry, "delay", 1.0),
        goes_on=_plain(node, "on_error", "stop") == "continue",
        outcomes=tuple(_outcome(each) for each in node.value["outcomes"].value), at=node.value["id"].at,
        rate=_plain(_get(node, "with"), "rate", None), rate_at=_text(_get(node, "with"), "rate").at,
    )  # fmt: skip


def _outcome(node: Node) -> Outcome:
    return Outcome(
        when=_text(node, "when"), verdict=_plain(node, "verdict", "ok"), finding=_plain(node, "finding"),
        message=_text(node, "message"), uri=_plain(node, "uri"), next=_text(node, "next", END), at=node.at,
    )  # fmt: skip


def _next_step(node: Node) -> NextStep:
    return NextStep(
        title=node.value["title"].value, detail=_plain(node, "detail"), command=_plain(node, "command"),
        action=_text(node, "action"), risk=_plain(node, "risk", "read-only"), confirm=_plain(node, "confirm", False),
        when=_text(node, "when"), verify=_text(node, "verify"), at=node.at, risk_at=_text(node, "risk").at,
        about=_text(_get(node, "with"), "name"),
    )  # fmt: skip


def _test(node: Node) -> Test:
    expect = node.value["expect"]
    findings = None
    if "findings" in expect.value:
        findings = tuple((each.value["id"].value, each.value["severity"].value) for each in _list(expect, "findings"))
    path = tuple(each.value for each in _list(expect, "path")) if "path" in expect.value else None
    return Test(
        name=node.value["name"].value, inputs=dict(_inputs(node.value["inputs"], "")), path=path, findings=findings,
        exit=_plain(expect, "exit", None), matches=_plain(expect, "matches", None),
        clear=_plain(expect, "clear", None), at=node.at,
    )  # fmt: skip


def _inputs(node: Node, prefix: str) -> Iterator[tuple[str, tuple[Value | None, ...]]]:
    for name, each, _ in items(node):
        if isinstance(each.value, dict):
            yield from _inputs(each, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", series(each)
