"""Questions in the middle of the screen: yes or no, and a line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, Static

if TYPE_CHECKING:
    from textual.app import ComposeResult


class Ask(ModalScreen[bool]):
    """A question with what hangs on it; only `y` is a yes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape,q", "answer(False)", "No", key_display="n"),
    ]

    def __init__(self, question: str, consequence: str) -> None:
        super().__init__()
        self._question = question
        self._consequence = consequence

    def compose(self) -> ComposeResult:
        """The question, what hangs on it, and the keys."""
        with Vertical():
            yield Static(f"{self._question}\n", markup=False, classes="question")
            yield Static(f"{self._consequence}\n", markup=False)
            yield Static("y  yes        n  no", markup=False)
        yield Footer(compact=True)

    def action_answer(self, answer: bool) -> None:
        """Close with the answer."""
        self.dismiss(answer)


class Line(ModalScreen[str | None]):
    """Asks for one line of text; escape gives None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]

    def __init__(self, prompt: str, value: str = "", placeholder: str = "") -> None:
        super().__init__()
        self._prompt = prompt
        self._value = value
        self._placeholder = placeholder

    def compose(self) -> ComposeResult:
        """The prompt and the line."""
        with Vertical():
            yield Static(f"{self._prompt}\n", markup=False)
            yield Input(self._value, placeholder=self._placeholder)
        yield Footer(compact=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Close with what was written."""
        self.dismiss(event.value.strip() or None)

    def action_cancel(self) -> None:
        """Close without an answer."""
        self.dismiss(None)
