"""`kdiag diff`: what changed between two observations, for people and for CI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kdiag.cli import exit_codes, output
from kdiag.cli.parameters import fail_options, output_option
from kdiag.core.comparison import compare
from kdiag.core.report import comparison
from kdiag.engine.stored import read_report

if TYPE_CHECKING:
    from kdiag.core.model import Severity

_EPILOG = """\b
Examples:
  kdiag diff before.kdiag after.kdiag       two recordings
  kdiag diff healthy.json now.json          two reports (kdiag diagnose --format json)
  kdiag diff --format json healthy.json now.kdiag | jq .worse
  kdiag diff --fail-on critical healthy.json now.json
\b
Exit codes: 0 nothing got worse, 1 a finding appeared or became graver,
2 usage, 3 a file cannot be read, 4 too little was seen afterwards to tell.
"""


@click.command("diff", epilog=_EPILOG)
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@fail_options
@output_option
def command(
    before: Path, after: Path, form: str, fail_on: Severity | None, min_confidence: float, output_file: Path | None
) -> int:
    """Say what changed between two observations: findings that appeared, are gone, or have other numbers.

    BEFORE and AFTER are recordings (--record) or reports as JSON. Vital signs are told, and never fail.
    """
    output.check_writable(output_file)
    found = compare(read_report(before), read_report(after))
    worse = found.worsened(fail_on, min_confidence)
    if form == "json":
        output.write([comparison.to_json(found, worse)], output_file)
    else:
        output.write(comparison.render(found, worse, output.style(output_file), output.width()), output_file)
    if worse:
        return exit_codes.FINDINGS
    return exit_codes.INCONCLUSIVE_EXIT if found.blind else exit_codes.HEALTHY_EXIT
