"""`kdiag schema`: the contract of the JSON report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kdiag.cli import output
from kdiag.cli.parameters import output_option
from kdiag.core.report import schema

if TYPE_CHECKING:
    from pathlib import Path

_EPILOG = """\b
Examples:
  kdiag schema > kdiag-report-v1.schema.json
"""


@click.command("schema", epilog=_EPILOG)
@output_option
def command(output_file: Path | None) -> None:
    """Print the JSON Schema of `kdiag diagnose --format json`."""
    output.write(schema.text().splitlines(), output_file)
