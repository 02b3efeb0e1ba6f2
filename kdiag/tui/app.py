"""The application: brings feeds, frames and screens together, and turns keys into wishes. Nothing is decided here."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.message import Message

from kdiag.core.report.formats import form_of, render
from kdiag.engine.live import RATES, WINDOWS_S, Feed, Picture
from kdiag.errors import KdiagError
from kdiag.tui.frames import Frame, Frames
from kdiag.tui.screens.ask import Ask, Line
from kdiag.tui.screens.finding import FindingScreen
from kdiag.tui.screens.help import HelpScreen
from kdiag.tui.screens.main import MainScreen
from kdiag.tui.widgets.viewbar import ViewBar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.screen import Screen

    from kdiag.tui.views.findings import FindingsView
    from kdiag.tui.views.maps import MapsView
    from kdiag.tui.widgets.timeline import TimeLine

_QUESTION = "Let a probe into this process?"
_CONSEQUENCE = (
    "It is Python code of kdiag's own that runs in threads of its own inside the process. It only looks, takes about "
    "1 % of one processor, and leaves by itself: with this screen, or 10 seconds after kdiag is gone, however it goes."
    "\n\nTo get in, one thread of the process may stand still for some milliseconds."
)

_SCAN = "Look at every dict that is a global variable or an attribute of a class?"
_SCAN_COSTS = (
    "Each write to one of them then calls back into the probe: those that several threads write to are listed, with or "
    "without a lock in common. The callbacks rest where they take more than 0.3 % of one processor.\n\n"
    "It ends when you press s again, or with this screen."
)
_LONGEST_STILL_S = 0.05  # for a view to be opened together with what it shows; whoever waits longer sees that it opens


class KdiagApp(App[int]):
    """The screen of `kdiag PID`; its result is the exit code.

    Args:
        feed: what it shows.
        others: whether who runs it lets another process be chosen.

    Attributes:
        error: why it ended by itself.
        choose_again: somebody wants to watch another process.
    """

    TITLE = "kdiag"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c", "leave", "Quit", key_display="q"),
        Binding("o", "other", "Choose another process", show=False),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("space", "pause", "Pause"),
        Binding("a", "attach", "Attach"),
        Binding("e", "export", "Export"),
        Binding("left_square_bracket", "look_back(-1)", "Judge a shorter time", show=False, key_display="["),
        Binding("right_square_bracket", "look_back(1)", "Judge a longer time", show=False, key_display="]"),
        Binding("minus", "rate(-1)", "Look less often; play a recording slower", show=False, key_display="-"),
        Binding("plus,equals_sign", "rate(1)", "Look more often; play a recording faster", show=False, key_display="+"),
        Binding("comma", "seek(-1)", "A recording: a second back", show=False, key_display=","),
        Binding("full_stop", "seek(1)", "A recording: a second on", show=False, key_display="."),
        Binding("less_than_sign", "seek(-10)", "A recording: ten seconds back", show=False, key_display="<"),
        Binding("greater_than_sign", "seek(10)", "A recording: ten seconds on", show=False, key_display=">"),
        Binding("d", "shade", "Dark or light", show=False),
    ]

    class Made(Message):
        """A frame is ready."""

        def __init__(self, frame: Frame) -> None:
            super().__init__()
            self.frame = frame

    class Failed(Message):
        """The feed ended with an error."""

        def __init__(self, error: KdiagError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, feed: Feed, *, others: bool = False) -> None:
        super().__init__()
        self.feed = feed
        self._others = others
        self.frames = Frames(feed.title, self._made)
        self.main = MainScreen(feed, self.frames.tally)
        self.error: KdiagError | None = None
        self.choose_again = False
        self._still = ExitStack()  # while it holds something nothing is painted

    def on_mount(self) -> None:
        """Begin to watch."""
        self.push_screen(self.main)
        self.run_worker(self._watch, thread=True, group="feed", exit_on_error=True)
        self.run_worker(self.frames.run, thread=True, group="frames", exit_on_error=True)
        self.call_after_refresh(self._look)

    def on_unmount(self) -> None:
        """Let go of the target, whatever ends the screen."""
        self.feed.stop()
        self.frames.stop()

    def on_resize(self) -> None:
        """What is shown depends on the width, which Textual takes note of only after this."""
        if self.main.is_mounted:
            self.call_later(self._look)

    def _made(self, frame: Frame) -> None:
        self.post_message(self.Made(frame))

    def _watch(self) -> None:
        try:
            self.feed.run(self.frames.offer)
        except KdiagError as error:
            self.post_message(self.Failed(error))

    def _look(self) -> None:
        self.frames.look(self.main.view, self.size.width)
        self.feed.want(self.main.view.extras)

    def on_kdiag_app_made(self, message: Made) -> None:
        """Put it up, and keep account of how long that takes."""
        if not self.main.query("KeyBar"):  # the screen is being taken down
            return
        before = self._picture
        if message.frame.picture.state == "ended" and (before is None or before.state != "ended"):
            self.notify("The process has ended. What was seen last stays; e writes the report.", timeout=10)
        began = time.perf_counter()
        self.main.show(message.frame)
        if message.frame.view is self.main.view:
            self._go_on()
        tally = self.frames.tally
        if before is None or _can(before) != _can(message.frame.picture):
            self.refresh_bindings()
        tally.drawn += 1
        tally.longest_draw_s = max(tally.longest_draw_s, time.perf_counter() - began)

    def on_kdiag_app_failed(self, message: Failed) -> None:
        """Without a target there is no screen; the command line says why."""
        self.error = message.error
        self.exit(message.error.exit_code)

    def on_view_bar_chosen(self, message: ViewBar.Chosen) -> None:
        """Open a view, and have made what it shows; both are painted at once, for to paint takes longest of all."""
        self._go_on()
        self._still.enter_context(self.batch_update())
        self.set_timer(_LONGEST_STILL_S, self._go_on)
        self.main.open_view(message.number)
        self._look()

    def _go_on(self) -> None:
        self._still.close()
        self.main.check_idle()

    def on_main_screen_frozen(self, message: MainScreen.Frozen) -> None:
        """Hold a picture, or let the newer ones through."""
        self.frames.hold(message.picture)

    def on_view_changed(self) -> None:
        """Have made anew what it shows."""
        self._look()

    def on_maps_view_wanted(self, message: MapsView.Wanted) -> None:
        """Have a container watched."""
        self.guard(message.name)

    def on_maps_view_scan(self) -> None:
        """Have all containers looked at, after a clear question, or no longer."""
        if self._picture is None:
            return
        if self._picture.scanned:
            self._do(lambda: self.feed.scan(on=False), "Dicts are looked at no longer, but for those that are watched.")
        else:
            self.push_screen(Ask(_SCAN, _SCAN_COSTS), lambda yes: self._scan() if yes else None)

    def _scan(self) -> None:
        self._do(lambda: self.feed.scan(on=True), "All dicts that have a name are looked at.")

    def on_findings_view_opened(self, message: FindingsView.Opened) -> None:
        """All of one finding."""
        self.push_screen(FindingScreen(message.finding, message.report, self.feed.source))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """What the picture lets one do, and whether there is another process to choose."""
        if action == "other":
            return self._others
        return _can(self._picture).get(action, True) if self._picture is not None else action != "seek"

    def action_leave(self) -> None:
        """End the screen."""
        self.exit(0)

    def action_other(self) -> None:
        """End the screen to choose another process."""
        self.choose_again = True
        self.exit(0)

    @property
    def conclusion(self) -> str:
        """What was on the screen at the end, in one sentence."""
        return self.main.frame.headline.plain if self.main.frame is not None else ""

    def action_help(self) -> None:
        """Tell all keys."""
        self.push_screen(HelpScreen(self.main))

    def action_pause(self) -> None:
        """Look no more, or look again."""
        if (now := self.frames.newest) is not None:
            self.feed.pause(on=now.state == "watching")

    def action_look_back(self, step: int) -> None:
        """Judge a shorter or a longer time."""
        if (now := self.frames.newest) is not None:
            window_s = _step(WINDOWS_S, now.window_s, step)
            self.feed.look_back(window_s)
            self.notify(f"Judges the last {window_s:g} s.")

    def action_seek(self, seconds: float) -> None:
        """Go back or on in a recording."""
        if (now := self.frames.newest) is not None:
            self.feed.seek(now.at + seconds)

    def on_time_line_sought(self, message: TimeLine.Sought) -> None:
        """Go to a moment of a recording."""
        self.feed.seek(message.at)

    def action_rate(self, step: int) -> None:
        """Look more or less often."""
        if (now := self.frames.newest) is not None:
            rate = _step(RATES, now.rate, step)
            self.feed.set_rate(rate)
            looks = f"Looks {rate:g} times as often as usual, as far as the budget allows."
            self.notify(looks if now.span_s is None else f"Plays {rate:g} times as fast as it was.")

    def action_shade(self) -> None:
        """Dark or light."""
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"

    def action_attach(self) -> None:
        """Let a probe in, after a clear question."""
        self.push_screen(Ask(_QUESTION, _CONSEQUENCE), lambda yes: self._let_in() if yes else None)

    def _let_in(self) -> None:
        self.notify("A probe goes in …")
        self._do(self.feed.enter, "A probe is inside.")

    def action_export(self) -> None:
        """Write the report to a file."""
        picture = self._picture
        if picture is None:
            self.notify("There is nothing to write yet.")
            return
        name = f"kdiag-{picture.report.target.pid}.md"
        prompt = "Write the report to which file? Its ending says the format: .html, .md, .json, .txt"
        self.push_screen(Line(prompt, name), lambda file: self._export(file, picture) if file else None)

    def _export(self, name: str, picture: Picture) -> None:
        file = Path(name).expanduser()
        text = "".join(f"{line}\n" for line in render(picture.report, form_of(file.suffix)))
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            self.notify(f"Cannot write {file}: {error.strerror}.", severity="error")
        else:
            self.notify(f"The report is in {file}.")

    def guard(self, name: str) -> None:
        """Have a container watched."""
        self._do(lambda: self.feed.guard(name), f"{name} is watched.")

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: every view and every action."""
        yield from super().get_system_commands(screen)
        for number, view in enumerate(self.main.views):
            yield SystemCommand(
                f"Show {view.name_}", f"Key {view.key}", lambda n=number: self.on_view_bar_chosen(ViewBar.Chosen(n))
            )
        for binding in (each for each in self.BINDINGS if isinstance(each, Binding)):
            if not self.check_action(binding.action.partition("(")[0], ()):
                continue
            yield SystemCommand(
                binding.description,
                f"Key {binding.key_display or binding.key}",
                lambda a=binding.action: self.call_later(self.run_action, a),
            )

    @property
    def _picture(self) -> Picture | None:
        return self.main.frame.picture if self.main.frame is not None else None

    def _do(self, deed: Callable[[], None], done: str) -> None:
        """Do what takes long in a thread of its own, and say how it went."""

        def work() -> None:
            try:
                deed()
            except KdiagError as error:
                hint = f"\n{error.hint}" if error.hint else ""
                self.call_from_thread(self.notify, f"{error.message}{hint}", severity="error", timeout=10)
            else:
                self.call_from_thread(self.notify, done)

        self.run_worker(work, thread=True, group="deeds")


def _can(picture: Picture) -> dict[str, bool]:
    """Nothing can be let into a recording or twice into a process, and a live target has no other moment than now."""
    recorded, ended = picture.span_s is not None, picture.state == "ended"
    return {"attach": not (recorded or ended or picture.inside), "pause": recorded or not ended, "seek": recorded}


def _step(choices: tuple[float, ...], now: float, step: int) -> float:
    """The choice beside the one that is in force."""
    nearest = min(range(len(choices)), key=lambda number: abs(choices[number] - now))
    return choices[max(0, min(len(choices) - 1, nearest + step))]
