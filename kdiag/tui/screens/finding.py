"""One finding on the whole screen, as it was when it was opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from kdiag.core.playbooks.story import Triage
from kdiag.core.report import story
from kdiag.core.report.style import PLAIN
from kdiag.core.report.text_finding import finding_lines
from kdiag.engine.playbooks.run import on_report
from kdiag.errors import KdiagError
from kdiag.tui.present.finding import Source, finding_page
from kdiag.tui.present.text import STYLE, from_report
from kdiag.tui.screens.page import PageScreen
from kdiag.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from rich.text import Text

    from kdiag.core.model import Finding, Report

_COPIED_WIDTH = 100


class FindingScreen(PageScreen):
    """Evidence with thresholds, the culprit in its source, both sides where there are two, remedies, explanation."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "run", "Run its playbook"),
        Binding("n", "next(1)", "Next"),
        Binding("p", "next(-1)", "Previous"),
    ]

    def __init__(self, finding: Finding, report: Report, source: Source) -> None:
        super().__init__(self._page)
        self._finding = finding
        self._report = report
        self._source = source

    def _page(self, width: int) -> list[Text]:
        return finding_page(self._finding, self._report, self._source, width)

    def action_copy(self) -> None:
        """Put it into the terminal's clipboard, as a report would have it."""
        lines = [self._finding.title, *finding_lines(self._finding, self._report.lines, PLAIN, _COPIED_WIDTH)]
        self.app.copy_to_clipboard("\n".join(lines))
        self.notify("The finding is in the clipboard, if your terminal allows it (OSC 52).")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The only one has none beside it."""
        return len(self._report.findings) > 1 if action == "next" else super().check_action(action, parameters)

    def action_run(self) -> None:
        """What the finding's playbook makes of all that was seen; the first time what reads playbooks is loaded."""
        self.run_worker(self._run, thread=True, exclusive=True)

    def _run(self) -> None:
        finding, report = self._finding, self._report
        try:
            run = on_report(finding.playbook or finding.verdict, report)
        except KdiagError as error:
            self.app.call_from_thread(self.notify, f"{error.message}\n{error.hint}", severity="error")
        else:
            self.app.call_from_thread(self._tell, Triage(report, (run,), ()))

    def _tell(self, triage: Triage) -> None:
        """Each step with its conditions and their values, unless one has gone elsewhere meanwhile."""
        if self.is_current:
            self.app.push_screen(
                PageScreen(lambda width: from_report(story.render([triage], STYLE, width, explain=True)))
            )

    def action_next(self, step: int) -> None:
        """Another finding of the same report."""
        findings = self._report.findings
        self._finding = findings[(findings.index(self._finding) + step) % len(findings)]
        self.show()
        self.query_one(Lines).scroll_home(animate=False)
