"""`kdiag triage`: the playbooks that match, run side by side on one observation, and one story."""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kdiag.cli import diagnostics, exit_codes, looks, output
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
from kdiag.core.playbooks.actions import ACTIONS
from kdiag.core.playbooks.story import tell
from kdiag.core.report import markdown, story, trial
from kdiag.core.report.markdown_triage import triage as markdown_triage
from kdiag.engine.playbooks.acting import act, proposed, words
from kdiag.engine.playbooks.circuit import count_run
from kdiag.engine.playbooks.files import chosen, usable
from kdiag.engine.playbooks.triage import triage
from kdiag.errors import USAGE, KdiagError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kdiag.core.model import Severity
    from kdiag.core.playbooks.model import Playbook
    from kdiag.core.playbooks.plan import Run
    from kdiag.core.playbooks.story import Triage
    from kdiag.core.playbooks.trial import Trial
    from kdiag.engine.inside import WayIn

_EPILOG = """\b
Examples:
  kdiag triage 1234
  kdiag triage --port 8000 --for 30s
  kdiag triage --name 'gunicorn.*shop' --children     the workers, too: the worst one's story
  kdiag triage 1234 --playbook requests-hang --explain
  kdiag triage 1234 --playbook my-playbook.yaml
  kdiag triage 1234 --playbook deploy-check --baseline before.json
  kdiag triage 1234 --record shop.kdiag        keep what was seen,
  kdiag triage --dry-run shop.kdiag --explain  and take the same path on it, with the values
  kdiag triage 1234 --act gc.freeze            try what is proposed: asks, measures, takes it back
  kdiag triage 1234 --act gc.freeze --yes -f html -o triage.html
"""
FORMATS = ("text", "json", "markdown", "html")


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
@click.option("--full", is_flag=True, help="Use the whole time, even when every verdict is certain before.")
@children_option
@click.option(
    "--from", "--dry-run", "recorded", type=click.Path(path_type=Path), multiple=True, metavar="FILE",
    help="On what --record has kept, without a process; once for each file of a tree, its head first.",
)  # fmt: skip
@click.option(
    "--act", "action", type=click.Choice(list(ACTIONS)),
    help="Where a playbook proposes this: do it, watch as long again, say whether it helped, take it back.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask before the process is changed.")
@click.option("--explain", is_flag=True, help="Each condition of each playbook with the values that it saw.")
@click.option("--baseline", type=click.Path(path_type=Path), metavar="FILE", help="An earlier report or recording.")
@click.option("-f", "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@attach_option(default="auto", help_="How to get inside; see `kdiag doctor PID`.")
@record_option
@fail_options
@output_option
def command(
    pid: int | None, name: str | None, port: int | None, names: tuple[str, ...], window_s: float, full: bool,
    children: bool, recorded: tuple[Path, ...], action: str | None, yes: bool, explain: bool, baseline: Path | None,
    form: str, attach: WayIn, record_file: Path | None,
    fail_on: Severity | None, min_confidence: float, output_file: Path | None,
) -> int:  # fmt: skip
    """Find out by playbooks what is wrong with a running Python process, and tell one story.

    PID is observed once, without being stopped; all playbooks whose match holds are run on what was seen. Told is what
    happened, why, what to do, and what was ruled out. What would change the process is only proposed; --act makes one
    such change, after a question, and takes it back at the end, however kdiag ends. Exit codes are those of diagnose;
    what a playbook that is named finds counts as a finding.

    With --children the Python processes below PID are observed and judged alike; told is the story of the worst.
    """
    output.check_writable(output_file)
    output.check_writable(record_file)
    _check_action(action, yes=yes, recorded=bool(recorded), children=children)
    named = chosen(names) if names else []
    with looks.at(
        recorded, baseline, attach, window_s, (pid, name, port), full=full, children=children, record=record_file
    ) as looked:
        count = (lambda _: None) if recorded else (lambda playbook: count_run(playbook, time.time()))
        playbooks = named or _usable()  # read while the process is watched already
        triages = triage(playbooks, looked, window_s, named=bool(named), begin=count)
        interrupted = looked.interrupted
    report = triages[0].report
    code = exit_codes.of_report(report, fail_on, min_confidence)
    if named:
        code = exit_codes.of_named([run for each in triages for run in each.runs], code, fail_on)
    if interrupted:
        diagnostics.cut_short("interrupted")
        code = exit_codes.INTERRUPTED
    elif looked.problems and report.verdict == INCONCLUSIVE:
        code = exit_codes.CANNOT_OBSERVE
    text = output.style(output_file)
    acting = partial(_acted, report.target.pid, triages[0].runs, action or "", window_s, attach, yes=yes)
    if form != "text":
        tried = acting() if action and not interrupted else None
        output.write(_document(form, triages, tried, code), output_file)
        return code

    def lines() -> Iterator[str]:
        """The person reads the story before the question comes."""
        yield from story.render(triages, text, output.width(), explain=explain)
        if action and not interrupted:
            tried = acting()
            yield from trial.lines(tried, text, output.width()) if tried else ("", "Nothing was changed.")

    output.write(lines(), output_file)
    return code


def _document(form: str, triages: Sequence[Triage], tried: Trial | None, code: int) -> Iterator[str]:
    """What is read when all is over: the story and what was tried, with the whole report."""
    report, worst = triages[0].report, story.worst_first(triages)[0]
    told = tell(worst.report, worst.runs)
    match form:
        case "html":
            from kdiag.core.report import html  # noqa: PLC0415 - only who wants a page pays for it

            return html.render(report, html.triage(told, worst.report, worst.runs, tried))
        case "markdown":
            return markdown.render(report, markdown_triage(told, worst.report, worst.runs, tried))
        case _:
            return iter(json.dumps(story.to_json(triages, code, tried), indent=2).splitlines())


def _usable() -> list[Playbook]:
    """All without a fault; at three in the morning somebody's other one is told, and left out."""
    playbooks, faulty = usable()
    for each in faulty:
        diagnostics.say(f"{each.file} has problems and is left out: kdiag playbook lint {each.file}")
    return playbooks


def _check_action(action: str | None, *, yes: bool, recorded: bool, children: bool) -> None:
    """Whether a change can be made and confirmed, before anything is looked at.

    Raises:
        KdiagError: `usage`, `not-confirmed`.
    """
    if action is None:
        return
    if recorded or children:
        what = "A recording cannot be changed" if recorded else "One process can be changed, not a tree"
        raise KdiagError("usage", f"{what}.", hint="kdiag triage PID --act …", exit_code=USAGE)
    if not yes and not sys.stdin.isatty():
        raise KdiagError(
            "not-confirmed", f"The process would be touched: {words(action)}.", hint="Confirm with --yes.",
            exit_code=USAGE,
        )  # fmt: skip


def _acted(pid: int, runs: tuple[Run, ...], action: str, window_s: float, attach: WayIn, *, yes: bool) -> Trial | None:
    """What became of the change; None where no playbook proposes it, or a person does not want it."""
    found = proposed(runs, action)
    if found is None:
        diagnostics.say(f"No playbook that ran proposes {action}: nothing was changed.")
        return None
    step, clear = found
    what = words(action, step.about.text)
    if not yes and not click.confirm(f"Process {pid}, risk {step.risk}: {what}. Go on?", err=True):
        return None
    diagnostics.say(f"Trying it, for {window_s:g} s at a time: {what}")
    return act(pid, step, clear, window_s=window_s, way=attach)
