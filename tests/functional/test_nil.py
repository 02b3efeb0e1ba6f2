"""Crashes on None, attached late to a running process: expression, name, and the line that the None came from."""

from __future__ import annotations

import contextlib
import shutil
import sysconfig
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.functional.test_truth_table import SHORT, diagnose, summary
from tests.support.cases import running
from tests.support.interpreters import of_minor
from tests.support.targets import start_target
from tests.targets.truth import LOOK_ALIKES, SICK, culprit_lines, origin_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.interpreters import Interpreter
    from tests.support.targets import Target
    from tests.targets.truth import Case

# What was done to the None, and what was None.
SEEN = {
    "nil_thread": ("node.name", "node"),
    "nil_future": ("customer['address']", "customer"),
    "nil_task": ("shelf.place", "shelf"),
    "nil_logged": ("self.connection.publish", "self.connection"),
    "nil_finalizer": ("self.socket.close", "self.socket"),
    "nil_swallowed": ("RATES.euro", "RATES"),
    "nil_flask": ("user['name']", "user"),
    "nil_starlette": ("session.count", "session"),
    "nil_apscheduler": ("for report in reports", "reports"),
}
FRAMEWORKS = [case for case in SICK if case.script in SEEN and case.needs]
HEALTHY_FRAMEWORKS = [case for case in LOOK_ALIKES if case.script in SEEN and case.needs]
IN_FULL = [pytest.mark.slow, pytest.mark.skipif(SHORT, reason="not in the short form: see the others")]
MINORS = [(3, 11), (3, 13), (3, 15), *(pytest.param(minor, marks=IN_FULL) for minor in ((3, 9), (3, 14)))]
FRAMEWORK_MINORS = [(3, 11), (3, 13), *(pytest.param(minor, marks=IN_FULL) for minor in ((3, 14), (3, 15)))]
STANDARD = [script for script in SEEN if script not in {case.script for case in FRAMEWORKS}]


def assert_told(target: Target) -> None:
    code, report = diagnose(target, "--for", "5s")
    assert (report["verdict"], code) == ("nil-dereference", 1), summary(report)
    finding = report["findings"][0]
    access, name = SEEN[target.script.stem]
    (origin,) = origin_lines(target.script)
    assert finding["title"].startswith(f"{access} raised "), finding["title"]
    assert f": {name} was None, from `" in finding["title"], finding["title"]
    assert f"{target.script.name}:{origin}" in finding["title"], finding["title"]
    assert finding["culprit"]["line"] in culprit_lines(target.script), finding
    assert finding["culprit"]["object"] == name
    origins = [place for place in finding["places"] if place["role"] == "origin"]
    assert [(Path(place["file"]).name, place["line"]) for place in origins] == [(target.script.name, origin)], finding
    assert {number["source"] for number in finding["evidence"]} == {"probe.crashes"}


@pytest.mark.parametrize("minor", MINORS, ids=lambda minor: f"3.{minor[1]}")
@pytest.mark.parametrize("script", STANDARD)
def test_a_none_is_traced_to_its_origin(script: str, minor: tuple[int, int]) -> None:
    if script == "nil_swallowed" and minor < (3, 12):
        pytest.skip("before 3.12 nothing tells of exceptions that are swallowed")
    with start_target(script, python=of_minor(minor)) as target:
        assert_told(target)


# The frameworks and what they need: all of it runs as pure Python.
LENT = ("anyio", "apscheduler", "blinker", "click", "flask", "h11", "idna", "itsdangerous", "jinja2", "markupsafe",
        "starlette", "tzlocal", "uvicorn", "waitress", "werkzeug")  # fmt: skip


@contextlib.contextmanager
def lent(python: Interpreter) -> Iterator[dict[str, str]]:
    """The frameworks of the environment that runs the tests, for another interpreter."""
    if not python.in_chroot:
        yield {"PYTHONPATH": sysconfig.get_path("purelib")}
        return
    with tempfile.TemporaryDirectory(prefix="kdiag-lent-", dir=python.root / "tmp") as folder:
        for file in (file for name in LENT for file in metadata.files(name) or ()):
            copy = Path(folder, file)
            if file.suffix in {".py", ".txt", ""} and Path(folder) in copy.resolve().parents:  # no scripts
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file.locate(), copy)
        yield {"PYTHONPATH": str(Path("/") / Path(folder).relative_to(python.root))}


@pytest.mark.parametrize("minor", FRAMEWORK_MINORS, ids=lambda minor: f"3.{minor[1]}")
@pytest.mark.parametrize("case", FRAMEWORKS, ids=lambda case: case.name)
def test_a_none_in_a_framework_is_traced_to_its_origin(case: Case, minor: tuple[int, int]) -> None:
    python = of_minor(minor)
    with lent(python) as env, running(case, python, env) as target:
        assert_told(target)


@pytest.mark.slow
@pytest.mark.skipif(SHORT, reason="the slow tests in their short form: the truth table has them on 3.11")
@pytest.mark.parametrize("case", HEALTHY_FRAMEWORKS, ids=lambda case: case.name)
def test_a_healthy_framework_under_load_stays_healthy_where_everything_is_seen(case: Case) -> None:
    python = of_minor((3, 13))
    with lent(python) as env, running(case, python, env) as target:
        code, report = diagnose(target, "--for", "6s")
    crashes = [
        finding for finding in report["findings"] if finding["verdict"] in {"nil-dereference", "unhandled-crash"}
    ]
    assert not crashes, summary(report)
    assert code == 0, summary(report)


def test_what_cannot_be_seen_before_3_12_is_said() -> None:
    with start_target("nil_swallowed", python=of_minor((3, 11))) as target:
        code, report = diagnose(target, "--for", "6s")
    assert (report["verdict"], code) == ("healthy", 0), summary(report)
    (limit,) = (each for each in report["observation"]["limitations"] if each["reference"].startswith("swallowed"))
    assert "3.12" in limit["message"]
    assert "logger.exception" in limit["hint"]


@pytest.mark.parametrize("minor", [(3, 13)], ids=lambda minor: f"3.{minor[1]}")
@pytest.mark.parametrize("script", ["nil_swallowed", "crash_threads"])
def test_the_healthy_twin_stays_healthy_where_everything_is_seen(script: str, minor: tuple[int, int]) -> None:
    with start_target(script, "healthy", python=of_minor(minor)) as target:
        code, report = diagnose(target, "--for", "6s")
    assert not report["findings"], summary(report)
    assert (report["verdict"], code) == ("healthy", 0), summary(report)
