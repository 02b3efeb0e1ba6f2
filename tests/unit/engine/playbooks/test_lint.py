"""Each kind of mistake is found where it stands, and nothing that is written crashes the check."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import jsonschema
import pytest
from ruamel.yaml import YAML

from kdiag.cli.main import run
from kdiag.core.playbooks import shape
from kdiag.core.playbooks.rules import RULES
from kdiag.engine.playbooks.files import Checked, all_files, built_in_folder, check_file

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """\
apiVersion: kdiag.dev/v1
kind: Playbook
metadata:
  name: mine
  runbook_url: https://example.org/mine
spec:
  docs: {meaning: It is slow., impact: Users wait., mitigation: Restart it.}
  match: {any: [process.cpu_percent > 80]}
  params:
    window: {type: duration, default: 10s}
  steps:
    - id: gc
      collect: gc.stats
      with: {duration: "${params.window}"}
      outcomes:
        - {when: gc.share >= 0.4, verdict: critical, finding: gc-pressure, message: "{{ gc.share }}", next: hot}
        - {default: true, next: hot}
    - id: hot
      collect: stacks.sample
      outcomes:
        - {default: true, next: end}
  conclude:
    next_steps:
      - {title: Freeze, action: gc.freeze, risk: change, confirm: true}
"""
# What is changed, the rule that tells, the line, the column, and a word of the message or the hint.
BAD = [
    ("    - id: hot", "    - id: hot\n      colect: x", "unknown-key", 19, 7, "Did you mean collect?"),
    ("kind: Playbook", "kind: Playbok", "wrong-value", 2, 7, "Did you mean Playbook?"),
    ("collect: gc.stats", "collect: gc.stat", "wrong-value", 13, 16, "Did you mean gc.stats?"),
    ("  name: mine\n", "", "missing-key", 4, 3, "'name'"),
    ("  name: mine", "  name: 12", "wrong-type", 4, 9, "Put it in quotes."),
    ("  name: mine", "  name: mine\n  name: yours", "duplicate-key", 5, 3, "twice"),
    ("default: 10s", "default: 10", "wrong-type", 10, 39, "no duration"),
    ("    - id: hot", "    - id: gc", "duplicate-step", 18, 11, "two steps 'gc'"),
    ("next: hot}\n        - {d", "next: hit}\n        - {d", "unknown-step", 16, 109, "Did you mean hot?"),
    (
        "next: hot}\n        - {default: true, next: hot}", "next: end}\n        - {default: true, next: end}",
        "unreachable-step", 18, 11, "No path",
    ),
    (
        "        - {default: true, next: end}",
        "        - {default: true, next: end}\n        - {when: gc.available, next: end}",
        "unreachable-step", 22, 11, "behind the default",
    ),
    ("{default: true, next: end}", "{default: true, next: gc}", "cycle", 12, 11, "gc → hot → gc"),
    ("        - {default: true, next: hot}\n", "", "missing-default", 12, 11, "no default"),
    ("when: gc.share >=", "when: gc.shre >=", "undefined-variable", 16, 18, "Did you mean gc.share?"),
    ('"{{ gc.share }}"', '"{{ gc.shar }}"', "undefined-variable", 16, 86, "Did you mean gc.share?"),
    ("${params.window}", "${params.windo}", "undefined-variable", 14, 25, "Did you mean window?"),
    ("when: gc.share >= 0.4", 'when: gc.share >= "a"', "wrong-type", 16, 18, "types"),
    ("process.cpu_percent > 80", "process.cpu_percent", "wrong-type", 8, 17, "neither true nor false"),
    ("when: gc.share >= 0.4", "when: gc.available && gc.share >=", "bad-condition", 16, 45, "no CEL"),
    ("when: gc.share >= 0.4", 'when: "{{ gc.share }} > 1"', "braces", 16, 19, "path alone"),
    ("  runbook_url: https://example.org/mine\n", "", "missing-runbook", 4, 3, "docs mine"),
    (", confirm: true", "", "change-without-confirm", 24, 9, "confirm: true"),
    ("risk: change, ", "", "change-without-confirm", 24, 33, "risk: change"),
    (
        "gc.freeze, risk: change, confirm: true", "guard.dict, risk: hook",
        "change-without-confirm", 24, 9, "confirm: true",
    ),
    (
        "confirm: true}", "confirm: true}\n      - {title: Trace it, risk: hook}",
        "undeclared-risk", 25, 33, "declares read-only. Write requires: {risk: hook}",
    ),
    (
        "collect: stacks.sample", "collect: stacks.sample\n      with: {rate: 5000}",
        "wrong-value", 20, 20, "1000 at most",
    ),
    ('window}"}', 'window}", rate: 10}', "wrong-value", 14, 50, "of stacks.sample"),
    ("spec:", "spec: [", "yaml", 8, 3, "no YAML"),
]  # fmt: skip


def checked(tmp_path: Path, text: str) -> Checked:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    return check_file(file)


def test_a_good_one_has_no_problems(tmp_path: Path) -> None:
    found = checked(tmp_path, GOOD)

    assert found.problems == ()
    assert found.playbook is not None
    assert [step.id for step in found.playbook.steps] == ["gc", "hot"]
    assert found.playbook.params == {"window": 10.0}


@pytest.mark.parametrize(("old", "new", "rule", "line", "column", "word"), BAD, ids=lambda value: str(value)[:24])
def test_each_mistake_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, rule: str, line: int, column: int, word: str
) -> None:
    assert old in GOOD
    problems = checked(tmp_path, GOOD.replace(old, new, 1)).problems
    told = [f"{each.at.line}:{each.at.column} {each.rule} {each.message} {each.hint}" for each in problems]

    assert any(each.startswith(f"{line}:{column} {rule} ") and word in each for each in told), told


def test_nothing_is_proposed_where_there_is_nothing(tmp_path: Path) -> None:
    text = GOOD.replace("  params:\n    window: {type: duration, default: 10s}\n", "")
    (hint,) = [each.hint for each in checked(tmp_path, text).problems if "no parameter" in each.message]

    assert hint == ""


def test_every_rule_has_its_mistake() -> None:
    assert {bad[2] for bad in BAD} == RULES.keys()


def test_a_page_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "docs" / "runbooks").mkdir(parents=True)
    text = GOOD.replace("https://example.org/mine", "docs/runbooks/mine.md")
    (problem,) = checked(tmp_path, text).problems
    (tmp_path / "docs" / "runbooks" / "mine.md").touch()

    assert (problem.rule, problem.at.line) == ("missing-runbook", 5)
    assert checked(tmp_path, text).problems == ()


@pytest.mark.parametrize(
    "text", ["", "a: &a [*a]", "- 1", "\t", "a: !!python/object:os.system x", "[" * 400, "x: 1e999"]
)
def test_what_is_no_playbook_is_told(tmp_path: Path, text: str) -> None:
    assert checked(tmp_path, text).problems


def test_aliases_that_multiply_are_cut_short(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert [each.rule for each in checked(tmp_path, "\n".join(lines)).problems] == ["yaml"]


@pytest.mark.parametrize("seed", range(20))
def test_nothing_that_is_changed_at_random_crashes_it(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    files = sorted(built_in_folder().glob("*.yaml"))
    text = rng.choice(files).read_text()
    signs = "{}[]:,-#&*!|>'\"%@` \n\t0aé\x00${}()="
    for _ in range(rng.randint(1, 12)):
        at, length = rng.randrange(len(text)), rng.choice([0, 0, 1, 3, 40])
        text = text[:at] + "".join(rng.choices(signs, k=rng.randint(0, 3))) + text[at + length :]
    found = checked(tmp_path, text)

    assert found.playbook is not None or found.problems
    for problem in found.problems:
        assert problem.at.line >= 1
        assert problem.at.column >= 1
        assert problem.rule in RULES


def test_the_published_schema_takes_all_built_in_ones() -> None:
    schema = shape.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for each in all_files():
        jsonschema.validate(YAML(typ="safe").load(each.file.read_text()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(YAML(typ="safe").load(GOOD.replace("collect:", "colect:")), schema)


def test_the_command_tells_editors_and_ci(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD)
    assert run(["playbook", "lint", str(file)]) == 0
    assert "no problems" in capsys.readouterr().out
    file.write_text(GOOD.replace("gc.share >=", "gc.shre >="))

    assert run(["playbook", "lint", str(tmp_path)]) == 1
    assert f"{file}:16:18: undefined-variable" in capsys.readouterr().out
    assert run(["playbook", "lint", str(file), "--format", "json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["line"], problem["column"], problem["rule"]) == (16, 18, "undefined-variable")
    assert run(["playbook", "lint", str(file), "--format", "sarif"]) == 1
    (result,) = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 16, "startColumn": 18}
    assert run(["playbook", "lint", str(tmp_path / "none.yaml")]) == 2
    assert run(["playbook", "show", "cpu-hihg"]) == 2
    assert "Did you mean cpu-high?" in capsys.readouterr().err
