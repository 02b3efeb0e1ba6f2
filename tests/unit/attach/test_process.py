"""The texts of `/proc/PID/stat` and `status`, and what the facts of a process say together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdiag.attach.interpreter import Interpreter, version_of_name
from kdiag.attach.process import ProcessFacts, parse_stat, parse_status

# Recorded: a program with an odd name; a Python that is process 1 of its own PID namespace.
STAT = (
    "25510 (my (odd) name) S 25506 25498 12401 0 -1 4194304 869 0 0 0 1 0 0 0 20 0 1 0 367796 14286848 2002 "
    "18446744073709551615 4321280 7148169 140735501879088 0 0 0 0 16781318 0 1 0 0 17 0 0 0 0 0 0 9723336 0\n"
)
STATUS = "Name:\tpython3.14\nTracerPid:\t0\nUid:\t0\t33\t0\t0\nNSpid:\t25597\t1\nGroups:\t \nSeccomp:\t2\n"

FACTS = ProcessFacts(
    pid=7,
    parent=1,
    state="S",
    start_time_ticks=1,
    uid=0,
    tracer_pid=0,
    ns_pids=(7,),
    name="service",
    command=("/srv/bin/service",),
    exe="/srv/bin/service",
    interpreter=None,
    visible=True,
    root="host",
)
INTERPRETER = Interpreter("/usr/bin/python3.11", (3, 11, 2), "release", runtime=1)


def test_a_name_may_hold_spaces_and_parentheses() -> None:
    stat = parse_stat(STAT)
    assert (stat.pid, stat.name, stat.state, stat.parent) == (25510, "my (odd) name", "S", 25506)
    assert stat.start_time_ticks == 367796


def test_the_status_becomes_fields() -> None:
    status = parse_status(STATUS)
    assert status["NSpid"].split() == ["25597", "1"]
    assert status["Uid"].split()[1] == "33"
    assert status["Groups"] == ""


@pytest.mark.parametrize(
    ("name", "version", "build"),
    [
        ("python3.11", (3, 11), "release"),
        ("python3", (3,), "release"),
        ("python2.7", (2, 7), "release"),
        ("python3.13t", (3, 13), "free-threaded"),
        ("python3.14td", (3, 14), "free-threaded"),
        ("python3.11d", (3, 11), "debug"),
        ("python3.11-dbg", (3, 11), "release"),  # a link's name: the build is read from the file
        ("libpython3.9.so.1.0", (3, 9), "release"),
        ("libpython3.7m.so.1.0", (3, 7), "release"),
        ("libpython3.13t.so.1.0", (3, 13), "free-threaded"),
    ],
)
def test_names_of_interpreters_tell_version_and_build(name: str, version: tuple[int, ...], build: str) -> None:
    assert version_of_name(name) == (version, build)


@pytest.mark.parametrize("name", ["python", "pythonista", "ipython3", "libpython3.so", "bash", "python3.11-config", ""])
def test_other_names_tell_nothing(name: str) -> None:
    assert version_of_name(name) is None


def test_a_visible_process_is_python_by_what_is_in_it() -> None:
    assert not FACTS.is_python
    assert replace(FACTS, interpreter=INTERPRETER).is_python
    assert not replace(FACTS, exe="/usr/bin/python3.11").is_python


def test_an_invisible_process_is_python_by_its_names() -> None:
    hidden = replace(FACTS, visible=False, exe=None)
    assert not hidden.is_python
    assert replace(hidden, name="python3.11").is_python
    assert replace(hidden, command=("/usr/bin/python3.11", "app.py")).version == (3, 11)


def test_a_process_with_a_pid_of_its_own_lives_in_another_namespace() -> None:
    assert FACTS.same_pid_namespace
    assert not replace(FACTS, ns_pids=(25597, 1)).same_pid_namespace


@pytest.mark.parametrize(
    ("command", "label"),
    [
        (("/usr/bin/python3", "/srv/app/worker.py", "--token", "secret"), "python3 worker.py"),
        (("python3", "-m", "gunicorn", "--password=secret"), "python3 -m gunicorn"),
        (("python3", "-c", "secret()"), "python3"),
        (("gunicorn: master [app]",), "gunicorn: master [app]"),
        ((), "service"),
    ],
)
def test_a_label_holds_no_arguments_that_may_be_secret(command: tuple[str, ...], label: str) -> None:
    assert replace(FACTS, interpreter=INTERPRETER, command=command).label == label


def test_the_arguments_of_other_programs_are_never_shown() -> None:
    assert replace(FACTS, command=("/bin/sh", "login.py", "-m")).label == "sh"
