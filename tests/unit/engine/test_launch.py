"""What `kdiag run` is about to execute, for every way that people write a command."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kdiag.engine.launch import NOT_EXECUTABLE, NOT_FOUND, PRELOAD, Launch, launch, preloaded
from kdiag.errors import USAGE, KdiagError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def on_path(tmp_path: Path) -> dict[str, str]:
    """An environment whose PATH holds a python3, a server with a clean first line, and one with options in it."""
    _program(tmp_path / "python3", "#!/bin/sh\n")
    _program(tmp_path / "server", f"#!{tmp_path}/python3\n")
    _program(tmp_path / "distribution-server", "#!/usr/bin/python3 -sP\n")
    _program(tmp_path / "isolated-server", "#!/usr/bin/env -S python3 -sEB\n")
    (tmp_path / "no-program").write_text("")
    return {"PATH": str(tmp_path)}


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _refused(words: list[str], environment: dict[str, str]) -> KdiagError:
    with pytest.raises(KdiagError) as caught:
        launch(words, environment)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    "words",
    [["app.py"], ["app.pyz", "-E"], ["-m", "shop"], ["-c", "import shop"], ["-X", "dev", "-W", "error", "app.py"]],
)
def test_scripts_and_options_get_the_python_of_the_path(words: list[str], on_path: dict[str, str]) -> None:
    plan = launch(words, on_path)
    assert plan.program == f"{on_path['PATH']}/python3"
    assert plan.arguments == ("python3", *words)


@pytest.mark.parametrize("words", [["server", "--workers", "4"], ["distribution-server"], ["python3", "app.py"]])
def test_a_command_is_executed_as_it_is(words: list[str], on_path: dict[str, str]) -> None:
    assert launch(words, on_path).program == f"{on_path['PATH']}/{words[0]}"
    assert launch(words, on_path).arguments == tuple(words)


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["python3", "-I", "app.py"], "I"),
        (["python3", "-uE", "-m", "shop"], "E"),
        (["python3", "-X", "dev", "-S", "app.py"], "S"),
        (["python3", "-Xdev", "-S"], "S"),
        (["python3", "--check-hash-based-pycs", "always", "-I"], "I"),
        (["-I", "app.py"], "I"),
        (["isolated-server"], "E"),
    ],
)
def test_options_that_keep_the_probe_out_are_refused(words: list[str], option: str, on_path: dict[str, str]) -> None:
    problem = _refused(words, on_path)
    assert (problem.reference, problem.exit_code) == ("preload-ignored", USAGE)
    assert f"-{option} " in problem.message


@pytest.mark.parametrize(
    "words",
    [
        ["python3", "app.py", "-I"],
        ["python3", "-m", "shop", "-E"],
        ["python3", "-c", "-S"],
        ["python3", "-W", "-I", "app.py"],
        ["python3", "-", "-I"],
        ["python3", "-mIES"],
        ["server", "-I"],
    ],
)
def test_the_services_own_options_are_its_own(words: list[str], on_path: dict[str, str]) -> None:
    assert isinstance(launch(words, on_path), Launch)


def test_what_cannot_be_run_exits_as_in_a_shell(on_path: dict[str, str]) -> None:
    folder = on_path["PATH"]
    missing, hidden = _refused(["nothing"], on_path), _refused([f"{folder}/nothing"], on_path)
    plain, directory = _refused([f"{folder}/no-program"], on_path), _refused([folder], on_path)
    assert {missing.reference, hidden.reference} == {"command-not-found"}
    assert {missing.exit_code, hidden.exit_code} == {NOT_FOUND}
    assert {plain.reference, directory.reference} == {"command-not-executable"}
    assert {plain.exit_code, directory.exit_code} == {NOT_EXECUTABLE}
    assert _refused(["app.py"], {"PATH": "/nonexistent"}).exit_code == NOT_FOUND


@pytest.mark.parametrize(
    ("before", "behind"),
    [(None, []), ("", []), ("/a", ["/a"]), ("/a:/b", ["/a", "/b"]), (f"{PRELOAD}:/a", ["/a"]), ("/a:", ["/a", ""])],
)
def test_our_folder_comes_first_on_the_path_once(before: str | None, behind: list[str]) -> None:
    environment = {"SHOP": "1"} if before is None else {"SHOP": "1", "PYTHONPATH": before}
    after = preloaded(environment)
    assert after["PYTHONPATH"].split(os.pathsep) == [str(PRELOAD), *behind]
    assert after["SHOP"] == "1"
    assert environment.get("PYTHONPATH") == before
