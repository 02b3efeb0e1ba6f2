"""Triage of what was recorded: its verdict, its path with the values, its exit code, and one story."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kdiag.cli.main import run
from kdiag.core.playbooks.evidence import FIELDS
from kdiag.core.playbooks.plan import of_groups
from kdiag.core.playbooks.story import tell
from kdiag.core.report import html
from kdiag.core.report.markdown_triage import triage as markdown_triage
from kdiag.engine.playbooks.circuit import count_run
from kdiag.engine.playbooks.files import find, load
from kdiag.engine.playbooks.looking import Fed, Given, Looking, recorded
from kdiag.engine.playbooks.run import run as run_playbook
from kdiag.engine.playbooks.triage import triage
from kdiag.errors import KdiagError
from tests.support.contracts import checked

if TYPE_CHECKING:
    from kdiag.core.playbooks.model import Playbook

FOLDER = Path(__file__).parents[3] / "recordings"
# The recording, the step at which its verdict's playbook ends, and a symptom's playbook that is picked, too.
CASES = [
    ("deadlock", "waits", "requests-hang"),
    ("dict-mutation", "exceptions", "crash-loop"),
    ("gc-pressure", "collector", "cpu-high"),
    ("nil-dereference", "exceptions", "crash-loop"),
    ("pool-exhaustion", "pools", "requests-hang"),
]


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = run(["triage", *arguments, "--format", "json"])
    return code, checked(json.loads(capsys.readouterr().out))


def explained(capsys: pytest.CaptureFixture[str], name: str, file: Path) -> str:
    capsys.readouterr()
    run(["playbook", "run", name, "--dry-run", str(file), "--explain"])
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("verdict", "last", "symptom"), CASES)
def test_each_recording_gets_its_verdict_and_its_next_step(
    capsys: pytest.CaptureFixture[str], verdict: str, last: str, symptom: str
) -> None:
    code, story = told(capsys, "--from", str(FOLDER / f"{verdict}.kdiag"))
    playbooks = {each["name"]: each for each in story["playbooks"]}

    assert (code, story["exit"], story["verdict"]) == (1, 1, verdict)
    assert next(iter(playbooks)) == verdict, "that of the verdict comes first"
    assert playbooks[verdict]["path"] == ["verdict", last]
    assert {verdict} <= {finding["id"] for finding in playbooks[symptom]["findings"]}
    assert story["story"]["do"][0]["title"] == story["report"]["findings"][0]["remedies"][0]["title"]
    assert story["story"]["happened"][0] == story["report"]["findings"][0]["title"]
    assert verdict not in story["story"]["ruled_out"]


@pytest.mark.parametrize("verdict", [case[0] for case in CASES])
def test_a_dry_run_takes_the_same_path_and_tells_the_values(capsys: pytest.CaptureFixture[str], verdict: str) -> None:
    file = FOLDER / f"{verdict}.kdiag"
    _, story = told(capsys, "--from", str(file))
    for picked in story["playbooks"]:
        text = explained(capsys, picked["name"], file)
        for step in picked["steps"]:
            assert f"{step['id']}: {step['verdict']}" in text
            for judged in step["judged"]:
                word = {True: "yes", False: "no", None: "unknown"}[judged["holds"]]
                assert f"{judged['condition']} → {word}" in text


def test_a_healthy_process_has_a_short_story(capsys: pytest.CaptureFixture[str]) -> None:
    code, story = told(capsys, "--from", str(FOLDER / "healthy.kdiag"))

    assert (code, story["verdict"], story["story"]["happened"]) == (0, "healthy", [])
    assert {"deadlock", "gc-pressure", "pool-exhaustion"} <= set(story["story"]["ruled_out"])


def test_the_text_tells_what_why_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["triage", "--dry-run", str(FOLDER / "gc-pressure.kdiag"), "--explain"]) == 1
    text = capsys.readouterr().out

    headings = ["What happened", "Why", "How it is known", "What to do", "What was ruled out", "Playbooks"]
    places = [text.index(f"\n{heading}\n") for heading in headings]
    assert places == sorted(places)
    assert "kdiag gc" in text
    assert "--try gc.freeze" in text
    assert "gc.share >= 0.4 → yes (gc.share = 77 %)" in text
    assert "Playbooks that did not match" in text


def test_of_a_tree_the_worst_one_has_its_story(capsys: pytest.CaptureFixture[str]) -> None:
    tree = ["--from", str(FOLDER / "healthy.kdiag"), "--from", str(FOLDER / "deadlock.kdiag")]
    code, told_ = told(capsys, *tree)
    assert run(["triage", *tree]) == code == 1
    text = capsys.readouterr().out

    (other,) = told_["others"]
    assert (told_["verdict"], other["verdict"], told_["report"]["verdict"]) == ("deadlock", "healthy", "deadlock")
    assert told_["playbooks"][0]["name"] == "deadlock"
    assert other["story"]["do"] == []
    assert f"(pid {told_['pid']}, the worst of 2 processes)" in " ".join(text.split())
    assert text.count("What to do") == 1
    assert (
        run(["triage", *tree, "--children"]) == run(["triage", "1", "--children", "--act", "gc.freeze", "--yes"]) == 2
    )


@dataclass
class Watched:
    """Processes that were watched: what was to be seen meanwhile, and all of it at the end."""

    processes: tuple[Looking, ...]
    seen: tuple[Given, ...]

    def finish(self) -> tuple[Given, ...]:
        return self.seen


def test_what_is_told_is_decided_on_all_that_was_seen() -> None:
    seen = recorded([FOLDER / "gc-pressure.kdiag"]).finish()
    begun = []
    (done,) = triage(
        [playbook("deadlock"), playbook("gc-pressure")], Watched((Fed({"findings.deadlock.present": (True,)}),), seen),
        10.0, named=False, begin=lambda each: begun.append(each.name),
    )  # fmt: skip

    assert [(each.playbook.name, each.path) for each in done.runs] == [("gc-pressure", ("verdict", "collector"))]
    assert [each.playbook.name for each in done.passed_over] == ["deadlock"]
    assert begun == ["deadlock", "gc-pressure"], "each is counted once"


def test_a_run_that_a_limit_has_stopped_stays_so() -> None:
    seen = recorded([FOLDER / "gc-pressure.kdiag"]).finish()
    watched = Watched((Slow({"process.cpu_percent": (98.0,)}),), seen)
    (done,) = triage([playbook()], watched, 10.0, named=True)

    assert "its limit of 180 s" in done.runs[0].stopped
    story, report = tell(done.report, done.runs), done.report
    for told_ in (html.triage(story, report, done.runs, None), markdown_triage(story, report, done.runs, None)):
        (line,) = [line for line in "\n".join(told_).splitlines() if "cpu-high" in line]
        assert "its limit of 180 s" in line, "each form says why a path ends"


def test_a_run_that_a_pause_has_ended_is_told_as_a_recording_tells_it() -> None:
    (seen,) = recorded([FOLDER / "gc-pressure.kdiag"]).finish()
    observation = seen.report.observation
    paused = replace(observation, cost=replace(observation.cost, target_pause_ms_max=60.0))
    end = (Given(replace(seen.report, observation=paused), seen.evidence),)
    live, again = (
        triage([playbook()], Watched(processes, end), 10.0, named=True)
        for processes in ((Stopping({"process.cpu_percent": (98.0,)}),), end)
    )

    assert "for 60 ms" in live[0].runs[0].stopped
    assert live == again


def test_a_named_playbook_alone_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(FOLDER / "gc-pressure.kdiag")
    named = ["--playbook", "deploy-check"]
    _, story = told(capsys, "--from", file, *named * 2, "--baseline", str(FOLDER / "healthy.kdiag"))

    (picked,) = story["playbooks"]
    assert picked["findings"][0]["id"] == "deploy-check"
    assert picked["findings"][0]["severity"] == "critical"
    assert run(["triage", "1", "--from", file]) == 2
    assert run(["triage", "--from", file, "--act", "gc.freeze", "--yes"]) == 2, "nothing to change"
    assert run(["triage", "--from", file, "--playbook", "no-such"]) == 2


def test_what_a_named_playbook_finds_is_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, before = str(FOLDER / "healthy.kdiag"), tmp_path / "before.json"
    report = told(capsys, "--from", file)[1]["report"]
    report["vitals"]["cpu_percent"] /= 10
    before.write_text(json.dumps(report))
    gate = ["--from", file, "--baseline", str(before), "--playbook", "deploy-check"]

    code, story = told(capsys, *gate)
    assert (code, story["exit"], story["verdict"]) == (1, 1, "healthy"), "a gate that is named closes"
    assert told(capsys, *gate, "--fail-on", "critical")[0] == told(capsys, *gate, "--fail-on", "never")[0] == 0
    assert told(capsys, *gate[:-2])[0] == 0, "of itself only what the report finds counts"


def test_all_evidence_is_documented_and_has_its_type() -> None:
    kinds = {bool: "bool", float: "number", str: "text"}
    for file in sorted(FOLDER.glob("*.kdiag")):
        (given,) = recorded([file], recorded([FOLDER / "healthy.kdiag"]).processes[0].report).finish()
        flat = dict(leaves(given.evidence))
        assert flat.keys() <= FIELDS.keys()
        assert {path: kinds[type(value)] for path, value in flat.items()} == {p: FIELDS[p].kind for p in flat}
        assert dict(of_groups(given.evidence, ("gc",)))["gc.available"] is True


def leaves(evidence: dict[str, Any], prefix: str = "") -> Any:
    for name, value in evidence.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def playbook(name: str = "cpu-high") -> Playbook:
    return load(find(name))


def test_what_was_not_seen_is_looked_at_again_and_then_gone_past() -> None:
    done = run_playbook(playbook(), Fed({"process.cpu_percent": (98.0,)}))
    collector = done.steps[1]

    assert done.path == ("vitals", "gc", "hot")
    assert collector.looks == 3, "retried twice"
    assert collector.outcome is not None
    assert collector.outcome.verdict == "inconclusive"


class Failing(Fed):
    """Cannot be looked at from the second step on."""

    def look(self, duration_s: float, timeout_s: float) -> dict[str, Any]:
        if self.looks:
            raise KdiagError("step-timeout", "It takes too long.")
        return super().look(duration_s, timeout_s)


def test_a_step_that_fails_goes_on_by_its_default_or_ends_the_run() -> None:
    done = run_playbook(playbook(), Failing({"process.cpu_percent": (98.0,)}))

    assert done.path == ("vitals", "gc", "hot")
    assert [taken.problem for taken in done.steps] == ["", "It takes too long.", "It takes too long."]
    assert done.stopped == "the step hot failed: It takes too long."
    assert done.exit == 4


class Slow(Fed):
    """Each look takes two minutes, and stops the process for a second."""

    def elapsed_s(self) -> float:
        return 120.0 * self.looks


class Stopping(Fed):
    def pause_ms(self) -> float:
        return 1000.0


def test_a_run_ends_at_its_limits() -> None:
    slow = run_playbook(playbook("crash-loop"), Slow({}))
    slower = run_playbook(playbook(), Slow({"process.cpu_percent": (98.0,)}))
    stopping = run_playbook(playbook(), Stopping({"process.cpu_percent": (98.0,)}))

    assert slow.stopped == ""
    assert "its limit of 180 s" in slower.stopped
    assert stopping.path == ("vitals",)
    assert "1000 ms" in stopping.stopped


def test_a_parameter_is_a_number_that_something_can_be_above(capsys: pytest.CaptureFixture[str]) -> None:
    dry = ["playbook", "run", "deploy-check", "--dry-run", str(FOLDER / "healthy.kdiag")]
    assert run([*dry, "--param", "most=2"]) == 0
    for bad in ("nan", "inf", "many"):
        assert run([*dry, "--param", f"most={bad}"]) == 2
        assert "error[bad-parameter]" in capsys.readouterr().err


def test_less_access_than_it_needs_is_said() -> None:
    def lacked(access: str) -> str:
        return run_playbook(playbook("crash-loop"), Fed({"report.access": (access,)})).lacked

    assert lacked("probe") == ""
    assert lacked("stacks").startswith("it needs probe access and had stacks")


def test_ones_own_faulty_playbook_keeps_no_other_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KDIAG_PLAYBOOKS", str(tmp_path))
    (tmp_path / "broken.yaml").write_text("kind: [")
    (tmp_path / "folder.yaml").mkdir()
    assert run(["triage", "--from", str(FOLDER / "healthy.kdiag")]) == 0
    told = capsys.readouterr().err

    assert "broken.yaml has problems and is left out" in told
    assert "folder.yaml has problems and is left out" in told
    assert run(["playbook", "lint"]) == 1


def test_a_playbook_runs_only_so_often(tmp_path: Path) -> None:
    limited = playbook()
    limited = replace(limited, limits=replace(limited.limits, runs=2, per=60.0))
    file = tmp_path / "state" / "runs.json"
    count_run(limited, 1000.0, file)
    count_run(limited, 1010.0, file)
    with pytest.raises(KdiagError, match="ran 2 times") as caught:
        count_run(limited, 1020.0, file)
    assert "in 40 s" in caught.value.hint
    count_run(limited, 1061.0, file)
    file.write_text("nonsense")
    count_run(limited, 1062.0, file)


def test_evidence_that_is_given_stays_as_it_is() -> None:
    (given,) = recorded([FOLDER / "deadlock.kdiag"]).finish()

    looking: Looking = given
    assert looking.look(99.0, 1.0) is given.evidence
    assert looking.again(1.0) is None
