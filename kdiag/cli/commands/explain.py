"""`kdiag explain`: what a verdict means, how it is found, and what helps."""

from __future__ import annotations

import click

from kdiag.cli import output
from kdiag.core import catalog
from kdiag.core.detectors import THRESHOLDS
from kdiag.core.report import explain

_EPILOG = """\b
Examples:
  kdiag explain
  kdiag explain pool-exhaustion
"""


@click.command("explain", epilog=_EPILOG)
@click.argument("verdict", type=click.Choice(catalog.VERDICTS), required=False)
def command(verdict: str | None) -> None:
    """Explain a verdict: meaning, detection, thresholds, remedies. Without one: list them all."""
    if verdict is None:
        longest = max(map(len, catalog.VERDICTS))
        output.write(f"{name.ljust(longest)}  {catalog.entry(name).title}" for name in catalog.VERDICTS)
        return
    entry = catalog.entry(verdict)
    output.write(explain.render(entry, THRESHOLDS.get(verdict, ()), output.style(), output.width()))
