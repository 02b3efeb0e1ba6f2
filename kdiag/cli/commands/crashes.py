"""`kdiag crashes`: what has ended processes that are gone."""

from __future__ import annotations

import json
from pathlib import Path

import click

from kdiag.cli import output
from kdiag.cli.exit_codes import FINDINGS, HEALTHY_EXIT, INCONCLUSIVE_EXIT
from kdiag.cli.parameters import output_option
from kdiag.core.report import crashes
from kdiag.engine.postmortem import postmortem

_EPILOG = """\b
Examples:
  kdiag crashes                     all of which there is a record
  kdiag crashes 1234                what ended process 1234
  kdiag crashes /mnt/state/kdiag    the records of another machine, or of a container's volume
  kdiag crashes --format json | jq '.crashes[-1].title'
\b
Exit codes: 0 no crash is recorded, 1 there is one, 3 the folder cannot be read, 4 nothing is known of PID.
"""


@click.command("crashes", epilog=_EPILOG)
@click.argument("pid_or_dir", metavar="[PID|DIR]", required=False)
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@output_option
def command(pid_or_dir: str | None, form: str, output_file: Path | None) -> int:
    """List the crashes that ended processes, and explain them when the process is long gone.

    Only processes that kdiag was in leave a record: those started by `kdiag run`, those that called kdiag.install(),
    and those that a kdiag was attached to when they ended. Recorded are exceptions that nobody caught and fatal
    signals (SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL); not a kill (SIGKILL, the kernel out of memory).
    """
    output.check_writable(output_file)
    pid = int(pid_or_dir) if pid_or_dir and pid_or_dir.isdigit() else None
    found = postmortem(pid, Path(pid_or_dir) if pid_or_dir and pid is None else None)
    if form == "json":
        output.write([json.dumps(crashes.to_json(found), indent=2)], output_file)
    else:
        output.write(crashes.render(found, output.style(output_file), output.width()), output_file)
    if found.crashes:
        return FINDINGS
    return HEALTHY_EXIT if pid is None else INCONCLUSIVE_EXIT
