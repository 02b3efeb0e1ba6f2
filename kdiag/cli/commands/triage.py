"""`kdiag triage`: the playbooks that match, run side by side on one observation, and one story."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kdiag.cli import exit_codes, looks, output
from kdiag.cli.parameters import Duration, attach_option, fail_options, output_option, record_option, target_options
from kdiag.core.model import INCONCLUSIVE
from kdiag.core.playbooks.story import tell
from kdiag.core.report import story
from kdiag.engine.playbooks.circuit import count_run
from kdiag.engine.playbooks.files import chosen
from kdiag.engine.playbooks.run import triage

if TYPE_CHECKING:
    from kdiag.core.model import Severity
    from kdiag.engine.inside import WayIn

_EPILOG = """\b
Examples:
  kdiag triage 1234
  kdiag triage --port 8000 --for 30s
  kdiag triage 1234 --playbook requests-hang --explain
  kdiag triage 1234 --playbook my-playbook.yaml
  kdiag triage 1234 --playbook deploy-check --baseline before.json
  kdiag triage --from shop.kdiag --explain     on what was recorded
"""


@click.command("triage", epilog=_EPILOG)
@target_options
@click.option(
    "--playbook", "names", multiple=True, metavar="NAME|FILE",
    help="Run this one, whether it matches or not; may be given again. Else those are run whose match holds.",
)  # fmt: skip
@click.option(
    "--for", "window_s", type=Duration(), default="10s", show_default=True,
    help="Observe at most this long; it ends earlier when every verdict is certain.",
)  # fmt: skip
@click.option(
    "--from", "recorded", type=click.Path(path_type=Path), metavar="FILE",
    help="On what --record has kept, without a process.",
)  # fmt: skip
@click.option("--explain", is_flag=True, help="Each condition of each playbook with the values that it saw.")
@click.option("--baseline", type=click.Path(path_type=Path), metavar="FILE", help="An earlier report or recording.")
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@attach_option(default="auto", help_="How to get inside; see `kdiag doctor PID`.")
@record_option
@fail_options
@output_option
def command(
    pid: int | None, name: str | None, port: int | None, names: tuple[str, ...], window_s: float,
    recorded: Path | None, explain: bool, baseline: Path | None, form: str, attach: WayIn, record_file: Path | None,
    fail_on: Severity | None, min_confidence: float, output_file: Path | None,
) -> int:  # fmt: skip
    """Find out by playbooks what is wrong with a running Python process, and tell one story.

    PID is observed once, without being stopped; all playbooks whose match holds are run on what was seen. Told is what
    happened, why, what to do, and what was ruled out. Nothing is changed: what would change the process is proposed
    with its command, which asks before. Exit codes are those of diagnose.
    """
    output.check_writable(output_file)
    output.check_writable(record_file)
    playbooks = chosen(names)
    with looks.at(recorded, baseline, attach, window_s, record_file, (pid, name, port)) as looking:
        count = (lambda playbook: count_run(playbook, time.time())) if recorded is None else (lambda _: None)
        done = triage(playbooks, looking, window_s, named=bool(names), begin=count)
        interrupted = looking.interrupted
    report = looking.report
    assert report is not None  # noqa: S101 - known here, though not to a type checker
    told = tell(report, done.runs)
    code = exit_codes.of_report(report, fail_on, min_confidence)
    if interrupted:
        code = exit_codes.INTERRUPTED
    elif looking.problems and report.verdict == INCONCLUSIVE:
        code = exit_codes.CANNOT_OBSERVE
    if form == "json":
        lines = json.dumps(story.to_json(told, report, done.runs, code), indent=2).splitlines()
        output.write(lines, output_file)
    else:
        text = story.render(
            told, report, done.runs, output.style(output_file), output.width(), explain=explain,
            passed_over=done.passed_over,
        )  # fmt: skip
        output.write(text, output_file)
    return code
