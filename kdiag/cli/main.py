"""The entry point: parse, run one command, turn every ending into an exit code."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from kdiag import __version__
from kdiag.cli import exit_codes
from kdiag.cli.registry import LazyGroup
from kdiag.errors import KdiagError

_EPILOG = """\b
Examples:
  kdiag                            choose a process, and watch it on a screen
  kdiag 1234                       watch process 1234: is it sick, and of what?
  kdiag ps                         what could be looked at
  kdiag diagnose 1234              what is wrong with process 1234
  kdiag diagnose --port 8000       … with whatever listens on port 8000
  kdiag demo                       watch it work on a sick service
\b
Exit codes: 0 healthy, 1 findings, 2 usage, 3 cannot observe, 4 inconclusive,
70 internal error, 130 interrupted.
"""


@click.group(cls=LazyGroup, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kdiag")
def cli() -> None:
    """Attach to a running Python service and learn what is wrong, where, how it is known, and what to do."""


def main() -> NoReturn:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; everything that can go wrong is rendered here."""
    try:
        code = cli.main(arguments, prog_name="kdiag", standalone_mode=False)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except (KeyboardInterrupt, click.Abort):
        return exit_codes.INTERRUPTED
    except Exception as problem:  # the outermost edge: nothing may leave as a bare traceback
        return _failed(problem)
    return code if isinstance(code, int) else exit_codes.HEALTHY_EXIT


def _failed(problem: Exception) -> int:
    from kdiag.cli import diagnostics  # noqa: PLC0415 - keeps `--help` light

    if isinstance(problem, KdiagError):
        diagnostics.error(problem)
        return problem.exit_code
    if isinstance(problem, click.UsageError):
        path = problem.ctx.command_path if problem.ctx else "kdiag"
        diagnostics.error(KdiagError("usage", problem.format_message(), hint=f"{path} --help"))
        return exit_codes.USAGE
    diagnostics.internal_error(problem)
    return exit_codes.INTERNAL
