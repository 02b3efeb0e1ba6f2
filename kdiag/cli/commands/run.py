"""`kdiag run`: start a service with the probe's door in it, or a program of CI that is checked while it runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from kdiag.cli import diagnostics, exit_codes, output, reports
from kdiag.cli.parameters import Duration, fail_options
from kdiag.core.model import INCONCLUSIVE
from kdiag.core.report.formats import form_of
from kdiag.engine.launch import launch, replace_process
from kdiag.errors import USAGE, KdiagError

if TYPE_CHECKING:
    from kdiag.core.model import Severity
    from kdiag.engine.launch import Launch

_EPILOG = """\b
Examples:
  kdiag run app.py --port 8000                 with the python3 of PATH
  kdiag run -m shop.server
  kdiag run -- gunicorn shop:app --workers 4   the workers too
  kdiag run -- uvicorn shop:app
  kdiag diagnose --name shop                   later: from inside, without ptrace
\b
  kdiag run --check -- pytest                  fails where the tests' process is sick
  kdiag run --check --output kdiag.sarif -- python app.py
\b
Exit codes with --check: the program's own where it is not 0; 1 findings,
3 nothing of it could be observed, 130 interrupted; else 0.
"""

_OF_A_CHECK = {
    "window_s": "--for", "children": "--children", "form": "--format", "output_file": "--output",
    "fail_on": "--fail-on", "min_confidence": "--min-confidence",
}  # fmt: skip


# No option has a short name: a letter would be taken out of the options of Python's (-Wonce).
@click.command(
    "run",
    epilog=_EPILOG,
    # Everything from the command's first word on is the command's own.
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("--check", is_flag=True, help="Observe the program until it ends, and exit 1 on findings: for CI.")
@click.option(
    "--for", "window_s", type=Duration(), default="60s", show_default=True,
    help="With --check: judge it in windows of this length, one after the other.",
)  # fmt: skip
@click.option("--children", is_flag=True, help="With --check: the Python processes below it too.")
@click.option(
    "--format", "form", type=click.Choice(reports.FORMATS), default=None,
    help="With --check: what the report is written as.  [default: by the ending of --output, else text]",
)  # fmt: skip
@click.option(
    "--output", "output_file", type=click.Path(dir_okay=True, path_type=Path),
    help="With --check: write the report to a file, not below the program's own output.",
)  # fmt: skip
@fail_options
@click.argument("words", metavar="COMMAND [ARGUMENTS]...", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(
    context: click.Context, check: bool, window_s: float, children: bool, form: str | None, output_file: Path | None,
    fail_on: Severity | None, min_confidence: float, words: tuple[str, ...],
) -> int:  # fmt: skip
    """Start a Python service so that kdiag can look inside it later without ptrace and without root.

    kdiag puts a folder first on PYTHONPATH and then becomes the command: the PID, the signals and the exit code are
    the service's own. Each Python process of it, children included, keeps a door open for its own user; nothing else
    runs in it until somebody attaches. A script, -m MODULE and -c CODE are run with the python3 of PATH.

    With --check kdiag stays, observes the program until it ends, and reports the worst that it saw.

    It cannot reach a Python that is started with -I, -E or -S, nor a program that is not Python.
    """
    if not words:
        raise KdiagError("usage", "Name the command to run.", hint="kdiag run -- python app.py", exit_code=USAGE)
    if not check:
        _no_options_of_a_check(context)
        replace_process(launch(words, os.environ))
    output.check_writable(output_file)
    form = form or (form_of(output_file.suffix) if output_file else "text")
    return _checked(launch(words, os.environ), window_s, children, form, output_file, fail_on, min_confidence)


def _no_options_of_a_check(context: click.Context) -> None:
    """They would be lost without a word.

    Raises:
        KdiagError: `usage`.
    """
    given = [name for name in _OF_A_CHECK if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given:
        options = ", ".join(_OF_A_CHECK[name] for name in given)
        raise KdiagError(
            "usage", f"Without --check nothing is reported, so {options} cannot be.",
            hint=f"kdiag run --check {_OF_A_CHECK[given[0]]} … -- COMMAND", exit_code=USAGE,
        )  # fmt: skip


def _checked(
    plan: Launch, window_s: float, children: bool, form: str, file: Path | None, fail_on: Severity | None,
    min_confidence: float,
) -> int:  # fmt: skip
    """Run it, write the report of the window that fails it, or else of the worst, and say what it comes to."""
    from kdiag.engine.checking import check  # noqa: PLC0415 - what becomes the command needs none of it

    checked = check(plan, window_s=window_s, children=children)
    failing = [
        report
        for report in checked.reports
        if exit_codes.of_report(report, fail_on, min_confidence) == exit_codes.FINDINGS
    ]
    shown = next(iter(failing or checked.reports), None)
    if shown is not None:
        output.write(reports.render(shown, form, file), file)
    if checked.interrupted:
        return exit_codes.INTERRUPTED
    if shown is None:
        diagnostics.say("Nothing of the program could be observed: it ended at once, or no Python of it has a door.")
    elif shown.verdict == INCONCLUSIVE:
        diagnostics.say("The program ended before it could be judged.")
    if checked.code:
        return checked.code
    if failing:
        return exit_codes.FINDINGS
    return exit_codes.CANNOT_OBSERVE if shown is None else exit_codes.HEALTHY_EXIT
