"""`--attach`, `kdiag detach` and what the doctor says of the ways in, on real processes."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from kdiag.attach.attachment import attach
from kdiag.attach.process import read_facts
from kdiag.errors import KdiagError
from tests.support.kdiag import Ran, kdiag
from tests.support.preloaded import door_of, under_kdiag_run
from tests.support.targets import REPOSITORY, Target, start_target

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stuck() -> Iterator[Target]:
    """A target in a deadlock that knows nothing of us."""
    with start_target("deadlock_two_locks") as target:
        yield target


@pytest.fixture
def preloaded() -> Iterator[Target]:
    """The same, with a door."""
    with start_target("deadlock_two_locks", python=under_kdiag_run()) as target:
        door_of(target.pid)
        yield target


def confined(*arguments: object) -> Ran:
    """kdiag where the kernel forbids it to look into processes."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.confined", *map(str, arguments)], capture_output=True, text=True,
        timeout=110, check=False, cwd=REPOSITORY, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


def unwrapped(ran: Ran) -> str:
    """What it printed, however wide the terminal is."""
    return " ".join(ran.out.split())


def test_stacks_stay_outside_by_themselves(stuck: Target) -> None:
    text, data = kdiag("stacks", stuck.pid), kdiag("stacks", stuck.pid, "--format", "json").json
    assert "seen from outside" in unwrapped(text)
    assert (data["access"], data["attach_method"], data["waits"]) == ("stacks", "none", [])
    assert kdiag("detach", stuck.pid).out.startswith("no probe in process")


def test_stacks_with_a_probe_name_locks_and_their_owners(stuck: Target) -> None:
    data = kdiag("stacks", stuck.pid, "--attach", "ptrace", "--format", "json").json
    assert (data["access"], data["attach_method"]) == ("probe", "ptrace")
    waits = {wait["thread"]: wait for wait in data["waits"] if wait["kind"] == "lock"}
    assert {wait["owner"] for wait in waits.values()} == set(waits)
    assert all(wait["name"] and wait["held_at"] for wait in waits.values())
    assert kdiag("detach", stuck.pid).out.startswith("no probe in process")  # it left with us


def test_a_probe_that_is_there_is_asked(preloaded: Target) -> None:
    text = unwrapped(kdiag("stacks", preloaded.pid))
    assert "seen by the probe, attached by preloaded" in text
    assert ", held by " in text
    assert "_kdiag" not in text  # our own threads are not the service's


@pytest.mark.parametrize("command", ["stacks", "diagnose"])
def test_a_way_that_is_asked_for_and_closed_is_an_error(command: str, stuck: Target) -> None:
    ran = kdiag(command, stuck.pid, "--attach", "preloaded")
    assert (ran.code, ran.reference) == (3, "no-probe")
    assert "kdiag run" in ran.err
    assert kdiag(command, stuck.pid, "--attach", "gdb").code == 2


def test_diagnose_says_which_access_it_had(stuck: Target) -> None:
    outside = kdiag("diagnose", stuck.pid, "--attach", "none", "--format", "json").json["observation"]
    inside = kdiag("diagnose", stuck.pid, "--format", "json").json["observation"]
    assert (outside["access"], outside["attach_method"]) == ("stacks", "none")
    assert inside["access"] == "probe"
    assert inside["attach_method"] in {"ptrace", "pep768"}


def test_a_preloaded_service_needs_no_right_to_trace(preloaded: Target) -> None:
    ran = confined("diagnose", preloaded.pid, "--attach", "preloaded", "--format", "json")
    assert ran.json["observation"]["attach_method"] == "preloaded"
    assert ran.json["verdict"] == "deadlock", ran.out
    stacks = confined("stacks", preloaded.pid)
    assert "seen by the probe only, attached by preloaded" in unwrapped(stacks)
    assert ", held by " in unwrapped(stacks)
    assert stacks.code == 0


def test_without_that_right_an_ordinary_one_is_looked_at_from_outside(stuck: Target) -> None:
    ran = confined("diagnose", stuck.pid, "--for", "1s", "--format", "json")
    assert ran.json["observation"]["access"] == "process"
    assert [limit["reference"] for limit in ran.json["observation"]["limitations"]].count("permission-denied") == 1
    assert confined("stacks", stuck.pid).reference == "permission-denied"


def test_detach_takes_out_a_probe_that_others_use(stuck: Target) -> None:
    attachment = attach(read_facts(stuck.pid))
    try:
        ran = kdiag("detach", stuck.pid)
        assert ran.code == 0, ran.err
        assert "has left" in ran.out
        assert "1 other kdiag" in ran.out
    finally:
        attachment.close()
    assert kdiag("detach", stuck.pid).out.startswith("no probe")


def test_detach_leaves_a_preloaded_door(preloaded: Target) -> None:
    assert "its door stays" in kdiag("detach", preloaded.pid).out
    door_of(preloaded.pid)


def test_ps_marks_open_doors(stuck: Target, preloaded: Target) -> None:
    access = {row["pid"]: row["access"] for row in kdiag("ps", "--format", "json").json}
    assert (access[stuck.pid], access[preloaded.pid]) == ("stacks", "probe")


def test_detach_of_what_cannot_be_reached() -> None:
    assert kdiag("detach", 2**22 - 1).code == 3


def test_the_doctor_says_which_ways_are_open(stuck: Target, preloaded: Target) -> None:
    checks = {check["name"]: check for check in kdiag("doctor", stuck.pid, "--format", "json").json}
    assert checks["attach preloaded"]["status"] == "limited"
    assert checks["attach ptrace"]["status"] == "ok"
    assert checks["attach auto"]["status"] == "ok"
    checks = {check["name"]: check for check in confined("doctor", preloaded.pid, "--format", "json").json}
    assert checks["attach preloaded"]["status"] == "ok"
    assert checks["attach ptrace"]["status"] == "limited"
    assert checks["attach auto"]["found"] == "goes in by preloaded"


def test_the_ways_complete() -> None:
    words = {"_KDIAG_COMPLETE": "bash_complete", "COMP_WORDS": "kdiag stacks --attach ", "COMP_CWORD": "3"}
    offered = kdiag(env=words).out
    assert all(way in offered for way in ("auto", "preloaded", "pep768", "ptrace", "none"))


@pytest.mark.skipif(importlib.util.find_spec("gevent") is None, reason="gevent is not installed")
def test_green_threads_are_told_and_a_door_that_was_there_before_works() -> None:
    with start_target("gevent_service") as target, pytest.raises(KdiagError) as refused:
        attach(read_facts(target.pid), "ptrace")
    assert refused.value.reference == "green-threads"
    with start_target("gevent_service", python=under_kdiag_run()) as target:
        report = kdiag("diagnose", target.pid, "--for", "2s", "--format", "json").json
    assert report["observation"]["attach_method"] == "preloaded"
    assert not report["findings"]
