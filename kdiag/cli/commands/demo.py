"""`kdiag demo`: start a sick service of our own, diagnose it live, stop it."""

from __future__ import annotations

import click

from kdiag.cli import diagnostics, exit_codes, output, reports
from kdiag.cli.commands.watch import check_terminal, leave
from kdiag.cli.parameters import Duration
from kdiag.engine.demo import DEMOS, Demo, start_demo
from kdiag.engine.diagnosis import diagnosis, live

_EPILOG = """\b
Examples:
  kdiag demo
  kdiag demo deadlock
  kdiag demo collector --watch        on the screen of `kdiag PID`
  kdiag demo --list
  python -m kdiag.demos.deadlock &    the sick service alone, to try kdiag on by hand
"""
_DEFAULT = "pool"
_WATCHED_S = 30.0  # are judged on the screen


@click.command("demo", epilog=_EPILOG)
@click.argument("case", type=click.Choice(list(DEMOS)), default=_DEFAULT)
@click.option("--list", "list_", is_flag=True, help="List the cases.")
@click.option("--all", "all_", is_flag=True, help="All cases, one after the other.")
@click.option("--watch", is_flag=True, help="Look at it on the screen; q ends it.")
@click.option("--for", "window_s", type=Duration(), default="10s", show_default=True, help="Observe at most this long.")
def command(case: str, list_: bool, all_: bool, watch: bool, window_s: float) -> int:
    """Start a small sick service, diagnose it live, show the report, and stop the service.

    CASE is the disease. The exit code is 0 when it was named.
    """
    if list_:
        output.write(f"{name:<11} {demo.verdict:<19} {demo.sentence}" for name, demo in DEMOS.items())
        return exit_codes.HEALTHY_EXIT
    if watch:
        return _watch(DEMOS[case])
    codes = [_show(DEMOS[name], window_s) for name in (DEMOS if all_ else [case])]
    return max(codes)


def _watch(demo: Demo) -> int:
    check_terminal(f"kdiag demo {demo.module.rpartition('.')[2]}")
    from kdiag.tui.run import show  # noqa: PLC0415 - the screen is loaded only where one is wanted

    with start_demo(demo) as running:
        app = show(live(running.pid, window_s=_WATCHED_S))
    return leave(app)


def _show(demo: Demo, window_s: float) -> int:
    diagnostics.say(f"Starting a sick service: {demo.sentence}")
    with start_demo(demo) as running:
        target = diagnosis(running.pid, window_s=window_s, full=False, children=False)
        diagnostics.say(f"$ kdiag diagnose {running.pid}")
        with diagnostics.progress(f"Observing {target.title} for up to {window_s:g} s") as show:
            finished = target.run(show)
    output.write(reports.render(finished.report, "text", None))
    if finished.interrupted:
        return exit_codes.INTERRUPTED
    named = finished.report.verdict == demo.verdict
    diagnostics.say(
        f"The disease was named: {demo.verdict}. See also: kdiag explain {demo.verdict}; kdiag demo --list"
        if named
        else f"The disease was {demo.verdict}, the report says {finished.report.verdict}."
    )
    return exit_codes.HEALTHY_EXIT if named else exit_codes.FINDINGS
