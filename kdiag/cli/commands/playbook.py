"""`kdiag playbook`: list, show, check, test and run playbooks, and write their pages."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kdiag.cli import exit_codes, looks, output
from kdiag.cli.parameters import Duration, attach_option, output_option, record_option, target_options
from kdiag.core.playbooks import shape
from kdiag.core.report import playbook_problems, playbooks
from kdiag.core.report.layout import table
from kdiag.engine.playbooks.circuit import count_run
from kdiag.engine.playbooks.files import all_files, check_file, chosen, find, load, own_folder
from kdiag.engine.playbooks.run import run
from kdiag.engine.playbooks.testing import run_tests
from kdiag.errors import USAGE, KdiagError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.playbooks.model import Playbook
    from kdiag.engine.inside import WayIn
    from kdiag.engine.playbooks.files import Checked
    from kdiag.engine.playbooks.testing import Tested

_EPILOG = """\b
Examples:
  kdiag playbook list
  kdiag playbook show cpu-high
  kdiag playbook lint my-playbooks/              exit 1 where one has a problem
  kdiag playbook lint --format sarif > lint.sarif
  kdiag playbook test cpu-high                   its own tests, without a process
  kdiag playbook run cpu-high 1234
  kdiag playbook run cpu-high --dry-run shop.kdiag --explain
  kdiag playbook docs --evidence                 what conditions may ask for
  kdiag playbook schema > playbook.schema.json   for completion in editors
"""


@click.group("playbook", epilog=_EPILOG)
def command() -> None:
    """List, show, check, test and run playbooks.

    A playbook says what to look at, one step after the other, what follows from what is seen, and what to do then.
    NAME is that of a built-in one, of one in your own folder (KDIAG_PLAYBOOKS, or ~/.config/kdiag/playbooks; a name
    overrides a built-in one), or the path of a file.
    """


@command.command("list", epilog="\b\nExamples:\n  kdiag playbook list\n")
def list_command() -> None:
    """List the playbooks that are found by name."""
    rows = [("NAME", "FROM", "PICKED BY TRIAGE WHEN")]
    for checked in all_files():
        playbook = checked.playbook
        when = f"(has problems: kdiag playbook lint {checked.file})" if checked.problems else "it is named"
        if playbook is not None and not checked.problems and playbook.match:
            when = (" or " if playbook.any_matches else " and ").join(each.text for each in playbook.match)
        rows.append((checked.name, checked.origin, when))
    output.write([*table(rows, ""), "", f"Your own: {own_folder()}/*.yaml"])


@command.command("show", epilog="\b\nExamples:\n  kdiag playbook show cpu-high\n")
@click.argument("name")
def show_command(name: str) -> None:
    """Show what a playbook does: when it is picked, its steps, and what it advises."""
    output.write(playbooks.show(load(find(name)), output.style(), output.width()))


@command.command(
    "lint", epilog="\b\nExamples:\n  kdiag playbook lint\n  kdiag playbook lint my.yaml --format sarif\n\n"
    "Exit codes: 0 no problems, 1 problems, 2 a file cannot be read.",
)  # fmt: skip
@click.argument("names", nargs=-1)
@click.option("-f", "--format", "form", type=click.Choice(playbook_problems.FORMATS), default="text", show_default=True)
@output_option
def lint_command(names: tuple[str, ...], form: str, output_file: Path | None) -> int:
    """Check playbooks: NAMES, files, or folders; all where there are none. Each problem has its line and column."""
    output.check_writable(output_file)
    checked = [each for name in names for each in _checked(name)] if names else all_files()
    files = [(str(each.file), each.problems) for each in checked]
    output.write(playbook_problems.render(files, form, output.style(output_file)), output_file)
    return exit_codes.FINDINGS if any(each.problems for each in checked) else exit_codes.HEALTHY_EXIT


def _checked(name: str) -> list[Checked]:
    folder = Path(name)
    if folder.is_dir():
        return [check_file(file) for file in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])]
    return [find(name)]


@command.command("test", epilog="\b\nExamples:\n  kdiag playbook test\n  kdiag playbook test my.yaml\n")
@click.argument("names", nargs=-1)
@click.option("--explain", is_flag=True, help="Of those that fail each condition with the values that it saw.")
def test_command(names: tuple[str, ...], explain: bool) -> int:
    """Run the tests that playbooks carry, on the values that these feed; no process is looked at."""
    tested = [(playbook, each) for playbook in chosen(names) for each in run_tests(playbook)]
    output.write(_tested(tested, explain=explain))
    return exit_codes.FINDINGS if any(each.failures for _, each in tested) else exit_codes.HEALTHY_EXIT


def _tested(tested: list[tuple[Playbook, Tested]], *, explain: bool) -> Iterator[str]:
    style = output.style()
    for playbook, each in tested:
        word = style.paint("critical", "FAILED") if each.failures else style.paint("good", "passed")
        yield f"{word} {playbook.name}: {each.test.name}"
        yield from (f"    {failure}" for failure in each.failures)
        if each.failures and explain:
            yield from playbooks.result(each.run, style, output.width(), explain=True)
    failed = sum(bool(each.failures) for _, each in tested)
    yield f"{len(tested)} tests, {failed} failed."


@command.command(
    "run", epilog="\b\nExamples:\n  kdiag playbook run cpu-high 1234\n"
    "  kdiag playbook run cpu-high --dry-run shop.kdiag --explain\n"
    "  kdiag playbook run deploy-check 1234 --baseline before.json --param most=2\n\n"
    "Exit codes: 0 nothing found, 1 findings, 4 inconclusive, 2 and 3 as for diagnose.",
)  # fmt: skip
@click.argument("playbook_name", metavar="NAME")
@target_options
@click.option(
    "--dry-run",
    "--from",
    "recorded",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="On a recording instead.",
)
@click.option("--explain", is_flag=True, help="Each condition with the values that it saw.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter's value.")
@click.option("--baseline", type=click.Path(path_type=Path), metavar="FILE", help="An earlier report or recording.")
@attach_option(default="auto", help_="How to get inside; see `kdiag doctor PID`.")
@record_option
def run_command(
    playbook_name: str, pid: int | None, name: str | None, port: int | None, recorded: Path | None, explain: bool,
    params: tuple[str, ...], baseline: Path | None, attach: WayIn,
    record_file: Path | None,
) -> int:  # fmt: skip
    """Run one playbook on a process, and tell the path that it took."""
    output.check_writable(record_file)
    playbook = load(find(playbook_name))
    given = _params(playbook, params)
    if recorded is None:
        count_run(playbook, time.time())
    window = given.get("window", playbook.params.get("window", 10.0))
    recordings = () if recorded is None else (recorded,)
    with looks.at(recordings, baseline, attach, float(window), (pid, name, port), record=record_file) as looked:
        looking = looked.processes[0]
        done = run(playbook, looking, given)
        interrupted = looking.interrupted
    output.write(playbooks.result(done, output.style(), output.width(), explain=explain))
    return exit_codes.INTERRUPTED if interrupted else done.exit


def _params(playbook: Playbook, given: tuple[str, ...]) -> dict[str, float | bool | str]:
    """The values that are given, by their types.

    Raises:
        KdiagError: `bad-parameter`.
    """
    values: dict[str, float | bool | str] = {}
    for each in given:
        name, _, text = each.partition("=")
        value = _param(playbook.param_types.get(name), text)
        if value is None:
            known = ", ".join(f"{name} ({kind})" for name, kind in playbook.param_types.items()) or "none"
            raise KdiagError(
                "bad-parameter", f"{each!r} is no parameter of {playbook.name}.", hint=f"Its parameters: {known}.",
                exit_code=USAGE,
            )  # fmt: skip
        values[name] = value
    return values


def _param(kind: str | None, text: str) -> float | bool | str | None:
    """The value of a text; None where it is of another type, or there is no such parameter."""
    match kind:
        case "duration":
            return Duration().convert(text, None, None)
        case "number":
            try:
                number = float(text)
            except ValueError:
                return None
            return number if math.isfinite(number) else None  # no value is above one that is none
        case "bool":
            return {"true": True, "false": False}.get(text)
        case "text":
            return text
    return None


@command.command("docs", epilog="\b\nExamples:\n  kdiag playbook docs cpu-high\n  kdiag playbook docs --evidence\n")
@click.argument("name", required=False)
@click.option("--evidence", is_flag=True, help="What conditions may ask for, with units; what steps can collect.")
@output_option
def docs_command(name: str | None, evidence: bool, output_file: Path | None) -> None:
    """Write the runbook page of a playbook, as Markdown."""
    output.check_writable(output_file)
    if name is None and not evidence:
        raise KdiagError("usage", "Name a playbook, or --evidence.", hint="kdiag playbook docs --help", exit_code=USAGE)
    if evidence:
        output.write(playbooks.evidence(output.style(output_file)), output_file)
        return
    assert name is not None  # noqa: S101 - known here, though not to a type checker
    checked = find(name)
    # Its page is what may be missing: that alone does not hinder that it is written.
    grave = tuple(each for each in checked.problems if each.rule != "missing-runbook")
    if checked.playbook is None or grave:
        load(checked)
    assert checked.playbook is not None  # noqa: S101 - known here, though not to a type checker
    output.write(playbooks.runbook(checked.playbook), output_file)


@command.command("schema", epilog="\b\nExamples:\n  kdiag playbook schema > playbook.schema.json\n")
@output_option
def schema_command(output_file: Path | None) -> None:
    """Print the JSON Schema of playbooks, for completion in editors."""
    output.write(shape.text().splitlines(), output_file)
