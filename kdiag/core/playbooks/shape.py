"""The form of a playbook: which keys each part has, of what type, and what they mean; and its JSON Schema.

One table, so that the parser, the published schema and the documentation never tell different stories.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from kdiag.core.playbooks.actions import ACTIONS
from kdiag.core.playbooks.model import Risk
from kdiag.core.playbooks.plan import COLLECTS

if TYPE_CHECKING:
    from collections.abc import Mapping

API_VERSION = "kdiag.dev/v1"
DURATION = r"^\d+(\.\d+)?(ms|s|m|h)$"
NAME = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"


@dataclass(frozen=True, slots=True)
class Key:
    """A key: its kind, whether it must be there, and what it is.

    Attributes:
        kind: "text", "name", "condition", "duration", "number", "int", "bool", "value", "map" of texts, "any"; the name
            of another part; either with "[]" for a list of them, or with "{}" for any keys with such values.
        choices: the texts that it may be.
    """

    kind: str
    meaning: str
    required: bool = False
    choices: tuple[str, ...] = ()


RISKS = get_args(Risk)
RESULTS = ("ok", "info", "warning", "critical", "inconclusive")

PARTS: Mapping[str, Mapping[str, Key]] = {
    "playbook": {
        "apiVersion": Key("text", "the version of the format", True, (API_VERSION,)),
        "kind": Key("text", "what the file is", True, ("Playbook",)),
        "metadata": Key("metadata", "its name, and where its runbook is", True),
        "spec": Key("spec", "what is done", True),
        "tests": Key("test[]", "looks at it without a process"),
    },
    "metadata": {
        "name": Key("name", "lower case with hyphens; one of the same name overrides a built-in one", True),
        "labels": Key("map", "for people to sort by"),
        "runbook_url": Key("text", "the page for people: a URL, or a path in the repository"),
    },
    "spec": {
        "docs": Key("docs", "what people are told", True),
        "match": Key("match", "when triage picks it by itself"),
        "clear": Key("condition", "when the incident counts as over"),
        "params": Key("param{}", "values that it can be given"),
        "requires": Key("requires", "what it needs"),
        "limits": Key("limits", "what a run may take"),
        "steps": Key("step[]", "the looks, the first one first", True),
        "conclude": Key("conclude", "what the person is told to do"),
    },
    "docs": {
        "meaning": Key("text", "what it means", True),
        "impact": Key("text", "whom it hurts, and how", True),
        "mitigation": Key("text", "what helps at once, and for good", True),
    },
    "match": {
        "any": Key("condition[]", "one of them is enough"),
        "all": Key("condition[]", "all of them must hold"),
    },
    "param": {
        "type": Key("text", "its type", True, ("duration", "number", "bool", "text")),
        "default": Key("value", "its value where none is given", True),
        "description": Key("text", "what it is"),
    },
    "requires": {
        "access": Key("text", "the least access that shows all it asks for", False, ("process", "stacks", "probe")),
        "risk": Key("text", "the most that it does or proposes without asking a person", False, RISKS),
    },
    "limits": {
        "duration": Key("duration", "a run ends after it"),
        "runs": Key("runs", "how often it may run on this machine"),
        "max_target_pause": Key("duration", "it ends where looking has stopped the process for longer"),
    },
    "runs": {
        "count": Key("int", "so many runs", True),
        "per": Key("duration", "in so long", True),
    },
    "step": {
        "id": Key("name", "its name", True),
        "collect": Key("text", "what is looked at", True, tuple(COLLECTS)),
        "with": Key("with", "how"),
        "timeout": Key("duration", "how long to wait for it at most"),
        "retry": Key("retry", "looking again where nothing was to be seen"),
        "on_error": Key("text", "what follows where the look fails", False, ("stop", "continue")),
        "outcomes": Key("outcome[]", "what may come of it; the first that holds is taken", True),
    },
    "with": {
        "duration": Key("duration", "how much must have been seen: a duration, or ${params.NAME}"),
        "rate": Key("number", "looks a second at where the time goes, as far as the budget allows; of stacks.sample"),
    },
    "retry": {
        "count": Key("int", "so often", True),
        "delay": Key("duration", "with so long between"),
    },
    "outcome": {
        "when": Key("condition", "the condition"),
        "default": Key("bool", "true: what holds where nothing else does; the last one"),
        "verdict": Key("text", "what it says of the process", False, RESULTS),
        "finding": Key("text", "what is found, or ruled out by ok"),
        "message": Key("text", "one sentence; {{ path }} is filled in"),
        "uri": Key("text", "where to read more"),
        "next": Key("text", "the step that follows; end for none"),
    },
    "conclude": {"next_steps": Key("next_step[]", "what the person is told to do")},
    "next_step": {
        "title": Key("text", "what to do, in a few words", True),
        "detail": Key("text", "how, and why"),
        "command": Key("text", "a command; {{ target.pid }} is filled in"),
        "action": Key("text", "what kdiag can try", False, tuple(ACTIONS)),
        "with": Key("acts_on", "on what"),
        "risk": Key("text", "what it does to the process", False, RISKS),
        "confirm": Key("bool", "whether a person is asked before"),
        "when": Key("condition", "when it applies"),
        "verify": Key("condition", "what shows that it helped"),
    },
    "acts_on": {"name": Key("text", "the dict that guard.dict watches, module:NAME; all of them where it is left out")},
    "test": {
        "name": Key("text", "what it shows", True),
        "inputs": Key("any", 'values by group and name; a series is "0.62x6", "1+1x5" or "1 2 _ 4"', True),
        "expect": Key("expect", "what must come of it", True),
    },
    "expect": {
        "matches": Key("bool", "whether triage picks it"),
        "path": Key("text[]", "the steps that are taken"),
        "findings": Key("expected[]", "what is found"),
        "exit": Key("int", "the exit code"),
        "clear": Key("bool", "whether the incident counts as over"),
    },
    "expected": {
        "id": Key("text", "the finding", True),
        "severity": Key("text", "how grave", True, ("info", "warning", "critical")),
    },
}
_PLAIN: Mapping[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "condition": {"type": "string"},
    "name": {"type": "string", "pattern": NAME},
    "duration": {"type": "string", "pattern": rf"{DURATION}|^\$\{{params\.[\w-]+\}}$"},
    "number": {"type": "number"},
    "int": {"type": "integer", "minimum": 0},
    "bool": {"type": "boolean"},
    "value": {"type": ["string", "number", "boolean"]},
    "map": {"type": "object", "additionalProperties": {"type": "string"}},
    "any": {"type": "object"},
}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a playbook, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://kdiag.dev/schemas/playbook-v1.json",
        "title": "kdiag playbook",
        "$ref": "#/$defs/playbook",
        "$defs": {name: _part(keys) for name, keys in PARTS.items()},
    }


def text() -> str:
    """The JSON Schema as it is published."""
    return json.dumps(json_schema(), indent=2)


def _part(keys: Mapping[str, Key]) -> dict[str, Any]:
    required = [name for name, key in keys.items() if key.required]
    part: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _of(key.kind) | _more(key) for name, key in keys.items()},
    }
    return part | ({"required": required} if required else {})


def _of(kind: str) -> dict[str, Any]:
    if kind.endswith("[]"):
        return {"type": "array", "items": _of(kind[:-2])}
    if kind.endswith("{}"):
        return {"type": "object", "additionalProperties": _of(kind[:-2])}
    return dict(_PLAIN[kind]) if kind in _PLAIN else {"$ref": f"#/$defs/{kind}"}


def _more(key: Key) -> dict[str, Any]:
    return {"description": key.meaning} | ({"enum": list(key.choices)} if key.choices else {})
