"""The findings, the worst first, and of the chosen one where it is, how it is known and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from kdiag.core.report.layout import wrap
from kdiag.tui.present.finding import Source, finding_text
from kdiag.tui.present.headline import ROLES
from kdiag.tui.present.observed import looked_at
from kdiag.tui.present.text import heading, painted
from kdiag.tui.views.view import View
from kdiag.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from rich.text import Text
    from textual.app import ComposeResult

    from kdiag.core.model import Finding, Report
    from kdiag.engine.live import Picture


_FIRST_WORD_S = 2.0  # before, that something is not known yet says nothing


class Findings(NamedTuple):
    """Each finding by its verdict, in one line and in full; without any, what there is to say instead."""

    verdicts: tuple[str, ...]
    labels: tuple[Text, ...]
    texts: tuple[list[Text], ...]
    nothing: list[Text]


class FindingsView(View[Findings]):
    """The list above, the chosen one below."""

    name_, key = "Findings", "1"

    class Opened(Message):
        """Somebody wants to see all of a finding."""

        def __init__(self, finding: Finding, report: Report) -> None:
            super().__init__()
            self.finding = finding
            self.report = report

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source
        self._report: Report | None = None
        self._shown: Findings | None = None

    def compose(self) -> ComposeResult:
        """The list, and the lines below it."""
        yield OptionList(classes="-few", compact=True)
        yield Lines()

    def prepare(self, picture: Picture, width: int) -> Findings:
        """The findings of the picture's report."""
        report = picture.report
        self._report = report
        return Findings(
            tuple(finding.verdict for finding in report.findings),
            tuple(_label(finding) for finding in report.findings),
            tuple(finding_text(finding, report, self._source, width) for finding in report.findings),
            [] if report.findings else _nothing(picture, width),
        )

    def draw(self, shown: Findings) -> None:
        """Keep the choice where it is, by its verdict, whatever comes or goes."""
        options = self.query_one(OptionList)
        chosen = self.chosen
        before, self._shown = self._shown, shown
        if before is None or before.labels != shown.labels:
            options.clear_options()
            options.add_options([Option(label) for label in shown.labels])
            options.set_class(len(shown.labels) < 2, "-few")  # the headline tells the only one
            if shown.labels:
                options.highlighted = shown.verdicts.index(chosen) if chosen in shown.verdicts else 0
        self._show_chosen()

    @property
    def chosen(self) -> str | None:
        """The verdict of the finding that is chosen."""
        number = self.query_one(OptionList).highlighted
        return self._shown.verdicts[number] if self._shown and number is not None else None

    def on_option_list_option_highlighted(self) -> None:
        """Another one was chosen."""
        self._show_chosen()

    def on_option_list_option_selected(self) -> None:
        """Somebody wants to see all of it."""
        self.open_chosen()

    def open_chosen(self) -> None:
        """Ask for the chosen finding's own screen; where there is none, nothing happens."""
        report, verdict = self._report, self.chosen
        finding = next((each for each in report.findings if each.verdict == verdict), None) if report else None
        if report is not None and finding is not None:
            self.post_message(self.Opened(finding, report))

    def _show_chosen(self) -> None:
        if self._shown is None:
            return
        number = self.query_one(OptionList).highlighted
        self.query_one(Lines).show(
            self._shown.texts[number] if self._shown.labels and number is not None else self._shown.nothing
        )


def _label(finding: Finding) -> Text:
    return painted(
        (ROLES[finding.severity], f"{finding.severity:<8} "),
        ("strong", f"{finding.verdict:<19} "),
        (None, finding.title),
    )


def _nothing(picture: Picture, width: int) -> list[Text]:
    """What was looked for, and what could not be told yet."""
    report = picture.report
    if report.observation.duration_s < _FIRST_WORD_S and picture.state != "ended":
        return [painted((None, "Looking … what is wrong shows after some seconds."))]
    lines = [painted((None, "No finding so far.")), painted()]
    if report.undecided:
        lines.append(heading("What cannot be told yet"))
    for outcome in report.undecided:
        lines += [painted((None, line)) for line in wrap(f"{outcome.verdict}: {outcome.reason}", width, "  ", "    ")]
        lines += [painted(("quiet", line)) for line in wrap(outcome.hint, width, "    ")]
    lines += [painted(), *looked_at(report, width)]
    if not picture.inside and picture.state == "watching" and picture.span_s is None:
        lines += [
            painted(),
            painted(
                (None, "Press "),
                ("strong", "a"),
                (None, " to let a probe in: it proves what from outside is only suspected."),
            ),
        ]
    return lines
