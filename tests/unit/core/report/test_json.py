"""`kdiag.report/v1` to the letter: the keys, their order, and a schema that accepts nothing else."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from kdiag.core.catalog import VERDICTS
from kdiag.core.model import Evidence, LineFacts, Place, Report
from kdiag.core.report import json_, schema

from . import samples

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = json.loads(schema.text())
VALIDATOR = Draft202012Validator(SCHEMA)


def written(report: Report) -> dict[str, Any]:
    data: dict[str, Any] = json.loads("\n".join(json_.render(report)))
    return data


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == "urn:kdiag:report:v1"


def test_the_schema_knows_the_verdicts_of_the_catalogue() -> None:
    assert tuple(SCHEMA["$defs"]["disease"]["enum"]) == VERDICTS
    related = SCHEMA["$defs"]["finding"]["properties"]["related"]["items"]["pattern"]
    assert related == f"^(?:{'|'.join(VERDICTS)}): "


def test_every_object_of_the_schema_is_closed_and_requires_all_its_keys() -> None:
    def objects(node: Any) -> list[dict[str, Any]]:
        if isinstance(node, list):
            return [found for item in node for found in objects(item)]
        if not isinstance(node, dict):
            return []
        own = [node] if "properties" in node and node.get("type") == "object" else []
        return own + [found for value in node.values() for found in objects(value)]

    for found in objects(SCHEMA):
        assert found["additionalProperties"] is False
        assert sorted(found["required"]) == sorted(found["properties"])


@pytest.mark.parametrize("name", samples.ALL)
def test_every_report_is_valid(name: str) -> None:
    VALIDATOR.validate(written(samples.ALL[name]))


def test_keys_stand_in_the_order_of_the_contract() -> None:
    data = written(samples.one_finding())
    assert list(data) == [
        "schema", "kdiag_version", "target", "observation", "verdict", "severity", "findings", "vitals", "undecided",
        "stacks", "children",
    ]  # fmt: skip
    assert list(data["target"]) == ["pid", "started_at", "command", "python", "build", "root"]
    assert list(data["observation"]) == [
        "started_at", "duration_s", "access", "attach_method", "samples", "rates_hz", "cost", "limitations",
    ]  # fmt: skip
    assert list(data["findings"][0]) == [
        "id", "verdict", "severity", "score", "confidence", "suspected", "title", "summary", "culprit", "places",
        "evidence", "explanation", "remedies", "related", "playbook",
    ]  # fmt: skip
    assert list(data["findings"][0]["evidence"][0]) == [
        "metric", "value", "unit", "low", "high", "threshold", "source", "samples",
    ]  # fmt: skip


def test_a_finding_is_written_as_the_contract_shows_it() -> None:
    finding = written(samples.many_findings())["findings"][1]
    assert finding["culprit"] == {
        "file": "/srv/app/bank.py",
        "line": 31,
        "function": "Account.transfer",
        "thread": "transfer-a",
        "object": "self.lock",
    }
    assert finding["places"][1] == {
        "role": "waits",
        "file": "/srv/app/bank.py",
        "line": 44,
        "function": "Account.audit",
        "thread": "transfer-b",
        "object": None,
    }
    assert finding["evidence"][0] == {
        "metric": "lock.stuck_samples",
        "value": 50,
        "unit": "count",
        "low": None,
        "high": None,
        "threshold": 20,
        "source": "py-spy",
        "samples": 50,
    }
    assert finding["suspected"] is True
    assert finding["playbook"] == "deadlock"
    assert [text.partition(":")[0] for text in finding["related"]] == ["pool-exhaustion", "lock-contention"]


def test_the_appendix_carries_the_stacks_with_their_source() -> None:
    first = written(samples.one_finding())["stacks"][0]
    assert first["threads"] == ["churner"]
    assert first["state"] == "running, holds the GIL"
    assert first["frames"][0] == {
        "file": "/srv/app/churn.py",
        "line": 7,
        "function": "Churner.churn",
        "native": False,
        "source": "self.children.append(Node(self))",
    }
    assert first["frames"][1]["source"] is None


def test_children_are_reports_themselves_the_worst_first() -> None:
    data = written(samples.children())
    assert [child["target"]["pid"] for child in data["children"]] == [4713, 4712]
    assert [child["verdict"] for child in data["children"]] == ["gc-pressure", "healthy"]
    for child in data["children"]:
        VALIDATOR.validate(child)


def test_the_verdict_is_that_of_the_worst_process_of_the_tree() -> None:
    data = written(samples.children())
    assert (data["verdict"], data["severity"], data["findings"]) == ("gc-pressure", "critical", [])


def test_a_process_deep_in_the_tree_is_told_once() -> None:
    grandparent = replace(samples.healthy(), children=(samples.healthy(), samples.children()))
    data = written(grandparent)
    assert data["verdict"] == "gc-pressure"
    assert [len(child["children"]) for child in data["children"]] == [2, 0]


def test_what_json_has_no_number_for_is_null() -> None:
    finding = replace(
        samples.gc_finding(), evidence=(Evidence("x", math.inf, "ratio", 1, "test", low=math.nan, high=-math.inf),)
    )
    data = written(replace(samples.one_finding(), findings=(finding,), vitals={"x": math.nan}))
    assert data["findings"][0]["evidence"][0]["value"] is None
    assert data["findings"][0]["evidence"][0]["low"] is None
    assert data["vitals"] == {"x": None}
    VALIDATOR.validate(data)


def test_names_stay_readable_and_names_that_are_no_unicode_stay_encodable() -> None:
    where = Place("/srv/\udc80.py", 1, "größe", "日本")
    report = replace(
        samples.one_finding(),
        findings=(replace(samples.gc_finding(), culprit=where),),
        lines={("/srv/\udc80.py", 1): LineFacts("x")},
    )
    text = "\n".join(json_.render(report))
    assert "größe" in text
    assert "日本" in text
    text.encode("utf-8")
    assert json.loads(text)["findings"][0]["culprit"]["file"] == "/srv/\udc80.py"


def _broken(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    data = copy.deepcopy(written(samples.many_findings()))
    change(data)
    return data


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(schema="kdiag.report/v2"),
        lambda data: data.update(extra=1),
        lambda data: data.pop("vitals"),
        lambda data: data.update(verdict="unwell"),
        lambda data: data.update(severity="fatal"),
        lambda data: data["target"].update(pid=0),
        lambda data: data["target"].update(command="python app.py"),
        lambda data: data["target"].update(build="fast"),
        lambda data: data["target"].update(environment={}),
        lambda data: data["observation"].update(access="root"),
        lambda data: data["observation"].update(attach_method="gdb"),
        lambda data: data["observation"]["samples"].pop("missed"),
        lambda data: data["observation"]["samples"].update(stacks=1.5),
        lambda data: data["observation"]["cost"].update(own_cpu_percent="3 %"),
        lambda data: data["observation"]["rates_hz"].update(stacks="often"),
        lambda data: data["observation"]["limitations"].append({"reference": "x"}),
        lambda data: data["findings"][0].update(verdict="healthy"),
        lambda data: data["findings"][0].update(score=101),
        lambda data: data["findings"][0].update(score=9.5),
        lambda data: data["findings"][0].update(confidence=1.1),
        lambda data: data["findings"][0].update(title=""),
        lambda data: data["findings"][0].update(suspected=None),
        lambda data: data["findings"][0].pop("explanation"),
        lambda data: data["findings"][0]["culprit"].update(role="holds"),
        lambda data: data["findings"][0]["culprit"].update(line=-1),
        lambda data: data["findings"][1]["places"][0].pop("role"),
        lambda data: data["findings"][0]["evidence"][0].update(value="61 %"),
        lambda data: data["findings"][0]["evidence"][0].update(samples=-1),
        lambda data: data["findings"][0]["remedies"][0].update(risk="some"),
        lambda data: data["findings"][0].update(related=["tiredness: too little sleep"]),
        lambda data: data["findings"][0].update(related=["deadlock"]),
        lambda data: data["undecided"].append({"verdict": "deadlock", "reason": ""}),
        lambda data: data["stacks"][0].update(threads=[]),
        lambda data: data["stacks"][0]["frames"][0].pop("source"),
        lambda data: data["children"].append({"schema": "kdiag.report/v1"}),
    ],
)
def test_the_schema_rejects_what_is_wrong(change: Callable[[dict[str, Any]], object]) -> None:
    assert VALIDATOR.is_valid(written(samples.many_findings()))
    assert not VALIDATOR.is_valid(_broken(change))
