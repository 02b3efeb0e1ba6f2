"""`kdiag diagnose`: observe a process, say what is wrong, exit with a code that scripts can rely on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from kdiag.cli import diagnostics, exit_codes, output, reports
from kdiag.cli.parameters import (
    Duration,
    attach_option,
    children_option,
    fail_options,
    output_option,
    record_option,
    target_options,
)
from kdiag.core.model import INCONCLUSIVE
from kdiag.engine.diagnosis import diagnosed, diagnosis
from kdiag.engine.targets import find_pid
from kdiag.errors import USAGE, KdiagError

if TYPE_CHECKING:
    from kdiag.core.model import Severity
    from kdiag.engine.inside import WayIn

_EPILOG = """\b
Examples:
  kdiag diagnose 1234
  kdiag diagnose --name 'gunicorn.*shop' --children
  kdiag diagnose --port 8000 --for 30s --full
  kdiag diagnose 1234 --format json --output report.json --fail-on critical
  kdiag diagnose 1234 -f html -o report.html  a page with charts and flame graphs
  kdiag diagnose 1234 --attach none           from outside only
  kdiag diagnose 1234 --trace-allocations 5s  and the lines that create what leaks
  kdiag diagnose 1234 --attach preloaded      a service that was started by kdiag run, without ptrace
  kdiag diagnose 1234 --record shop.kdiag     keep what was seen,
  kdiag diagnose --from shop.kdiag            and conclude from it, here or elsewhere
"""

# What says how to look, or at whom: nothing that a recording could still be asked for.
_OF_THE_OBSERVATION = {
    "pid": "PID", "name": "--name", "port": "--port", "full": "--full", "children": "--children",
    "attach": "--attach", "trace_s": "--trace-allocations",
    "record_file": "--record",
}  # fmt: skip


@click.command("diagnose", epilog=_EPILOG)
@target_options
@click.option(
    "--for", "window_s", type=Duration(), default="10s", show_default=True,
    help="Observe at most this long; it ends earlier when every verdict is certain. With --from: its last seconds.",
)  # fmt: skip
@click.option("--full", is_flag=True, help="Use the whole time, even when every verdict is certain before.")
@children_option
@attach_option(
    default="auto",
    help_="How to get inside, for better proof: auto takes the first way that is open, and looks from outside where "
    "none is; any other way must work; none stays outside. See `kdiag doctor PID`.",
)
@click.option(
    "-f", "--format", "form", type=click.Choice(reports.FORMATS), default="text", show_default=True,
    help="What the report is written as.",
)  # fmt: skip
@click.option(
    "--trace-allocations", "trace_s", type=Duration(), metavar="DURATION",
    help="Trace allocations for so long at most (tracemalloc), for the lines that open, start or allocate what leaks: "
    "each costs ten times as much meanwhile.",
)  # fmt: skip
@record_option
@click.option(
    "--from", "recorded", type=click.Path(path_type=Path), multiple=True, metavar="FILE",
    help="Conclude from what --record has kept, without a process; once for each file of a tree, its head first.",
)  # fmt: skip
@fail_options
@output_option
@click.pass_context
def command(
    context: click.Context,
    pid: int | None, name: str | None, port: int | None, window_s: float, full: bool, children: bool,
    attach: WayIn, form: str, trace_s: float | None, record_file: Path | None, recorded: tuple[Path, ...],
    fail_on: Severity | None, min_confidence: float, output_file: Path | None,
) -> int:  # fmt: skip
    """Say what is wrong with a running Python process, where, how it is known, and what to do.

    PID is the process to observe. It is never stopped. What kdiag brings into it only looks, and leaves with it.
    """
    output.check_writable(output_file)
    output.check_writable(record_file)
    if recorded:
        _check_alone(context)
        report = diagnosed(recorded, window_s if _given(context, "window_s") else None)
        output.write(reports.render(report, form, output_file), output_file)
        return exit_codes.of_report(report, fail_on, min_confidence)
    target = diagnosis(
        find_pid(pid, name, port),
        window_s=window_s,
        full=full,
        children=children,
        attach=attach,
        trace_s=trace_s or 0.0,
        record=record_file,
    )
    for problem in target.problems:
        diagnostics.warning(problem)
    with diagnostics.progress(f"Observing {target.title} for up to {window_s:g} s") as show:
        finished = target.run(show)
    if finished.interrupted:
        diagnostics.say("Interrupted: the report covers what was seen until then.")
    output.write(reports.render(finished.report, form, output_file), output_file)
    if finished.interrupted:
        return exit_codes.INTERRUPTED
    if target.problems and finished.report.verdict == INCONCLUSIVE:
        return exit_codes.CANNOT_OBSERVE
    return exit_codes.of_report(finished.report, fail_on, min_confidence)


def _given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _check_alone(context: click.Context) -> None:
    """A recording was made with the options that it was made with.

    Raises:
        KdiagError: `usage`.
    """
    given = [name for name in _OF_THE_OBSERVATION if _given(context, name)]
    if given:
        options = ", ".join(_OF_THE_OBSERVATION[name] for name in given)
        raise KdiagError(
            "usage", f"--from names what was seen already, so {options} cannot be.",
            hint="kdiag diagnose --from FILE", exit_code=USAGE,
        )  # fmt: skip
