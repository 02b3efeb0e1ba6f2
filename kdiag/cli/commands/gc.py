"""`kdiag gc`: what the garbage collector of a running process does, live."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from kdiag.cli import exit_codes, output
from kdiag.cli.parameters import Duration, attach_option, output_option, target_options
from kdiag.core.report import collector
from kdiag.engine.collecting import CollectorTotal, Stretch, Trace, collecting
from kdiag.engine.targets import find_pid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kdiag.engine.collecting import Collecting
    from kdiag.engine.inside import WayIn

_EPILOG = """\b
Examples:
  kdiag gc 1234                         a line each second, then who makes it work
  kdiag gc 1234 --trace                 a line for each collection
  kdiag gc --port 8000 --for 1m --format json
\b
Exit codes: 0 seen, 2 usage, 3 cannot be watched, 130 interrupted; what was
seen until then is told.
"""


@click.command("gc", epilog=_EPILOG)
@target_options
@click.option("--for", "window_s", type=Duration(), default="10s", show_default=True, help="Watch so long.")
@click.option("--trace", is_flag=True, help="A line for each collection, with the place that started it.")
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@attach_option(default="auto", help_="How to get inside; see `kdiag doctor PID`.")
@output_option
def command(
    pid: int | None, name: str | None, port: int | None, window_s: float, trace: bool, form: str, attach: WayIn,
    output_file: Path | None,
) -> int:  # fmt: skip
    """Show what the garbage collector of a running process does: its share of the time, its pauses, who starts it.

    Told are the cyclic collector's runs by generation, exactly and from inside; then how long they took, and the
    lines whose allocations started them, or that asked for them by hand. Nothing is changed.
    """
    output.check_writable(output_file)
    watch = collecting(find_pid(pid, name, port), window_s=window_s, way=attach, trace=trace)
    seen: list[CollectorTotal] = []  # stays empty when nobody reads to the end
    output.write(_data(watch, seen) if form == "json" else _lines(watch, seen, output_file), output_file)
    return exit_codes.INTERRUPTED if any(total.interrupted for total in seen) else exit_codes.HEALTHY_EXIT


def _lines(watch: Collecting, seen: list[CollectorTotal], file: Path | None) -> Iterator[str]:
    style = output.style(file)
    if not watch.trace:
        yield collector.heading(style)
    for event in watch.run():
        match event:
            case Trace():
                if event.missed:
                    yield collector.missed(event.missed)
                yield from map(collector.traced, event.collections)
            case Stretch() if not watch.trace:
                yield collector.row(event.account, event.elapsed_s)
            case CollectorTotal():
                seen.append(event)
                yield ""
                yield from collector.render(event.account, event.pauses, style, output.width())


def _data(watch: Collecting, seen: list[CollectorTotal]) -> Iterator[str]:
    traced: list[dict[str, Any]] = []
    missed = 0
    for event in watch.run():
        match event:
            case Trace():
                traced += map(collector.trace_to_json, event.collections)
                missed += event.missed
            case CollectorTotal():
                seen.append(event)
                pid, interrupted = watch.facts.pid, event.interrupted
                told = collector.to_json(event.account, event.pauses, pid=pid, interrupted=interrupted)
                yield json.dumps(told | ({"trace": traced, "missed": missed} if watch.trace else {}), indent=2)
