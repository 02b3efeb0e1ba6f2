"""What was None where code met a None, and where it came from: told from a traceback's facts and the sources.

Pure: the sources are given as text. Where there is no source only what the bytecode says is told, and how sure that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kdiag.core.model import Frame
from kdiag.core.nil_expression import found
from kdiag.core.nil_origin import Origin, Tracer
from kdiag.core.source_trees import parsed, shown

if TYPE_CHECKING:
    import ast
    from collections.abc import Mapping

    from kdiag.core.model import CrashFrame, CrashGroup, NilUsed

Sureness = Literal["certain", "likely", "open"]
_FRAMES = 6  # as many inner ones are told with the variables that were None
_MOST_EXPRESSIONS = 4
_USED = {
    "call": "{}()", "subscript": "{}[…]", "iteration": "for … in {}", "with": "with {}", "await": "await {}",
    "unpack": "… = {}", "operation": "an operation on {}",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Nil:
    """The answer.

    Attributes:
        expressions: what was None: one, or those that may have been it; empty where nothing is known.
        access: what was done to the first of them, as the source has it: "node.name".
        frame: where that is; not the innermost frame when a library refused the None.
        sure: how sure the expression is: certain, likely, or open between several.
        origins: the places that the None may have come from; more than one where the code leaves several ways open.
    """

    expressions: tuple[str, ...]
    access: str
    frame: Frame
    sure: Sureness
    origins: tuple[Origin, ...] = ()

    @property
    def name(self) -> str:
        """What was None, in words."""
        return " or ".join(self.expressions)


def explain(group: CrashGroup, sources: Mapping[str, str]) -> Nil | None:
    """What was None in a group of crashes, and where it came from; None without any frame.

    Args:
        group: of the kind "nil".
        sources: the text of each file that was read, by name.
    """
    if not group.frames:
        return None
    for number, frame in enumerate(group.frames[:_FRAMES]):
        text = sources.get(frame.file)
        tree = parsed(text) if text is not None else None
        pairs = found(tree, frame, group, outer=number > 0) if tree is not None else []
        if pairs:
            return _from_source(group, number, pairs, sources)
        if number == 0 and group.used is not None:
            return _from_bytecode(group, group.used)
    return _from_variables(group)


def _from_source(
    group: CrashGroup, number: int, pairs: list[tuple[ast.expr, ast.AST]], sources: Mapping[str, str]
) -> Nil:
    frame, used = group.frames[number], group.used if number == 0 else None
    texts = tuple(dict.fromkeys(shown(operand) for operand, _ in pairs))[:_MOST_EXPRESSIONS]
    tracer = Tracer(group.frames, sources)
    owner = used.owner if used else None
    origins = [origin for operand, _ in pairs[:_MOST_EXPRESSIONS] for origin in tracer.origins(operand, number, owner)]
    told_by_bytecode = used is not None and ".".join(used.chain) == texts[0]
    sure: Sureness = "open"
    if len(texts) == 1:
        exact = told_by_bytecode or texts[0] in frame.none or (frame.span is not None and used is None)
        sure = "certain" if exact else "likely"
    return Nil(texts, shown(pairs[0][1]), frame.frame, sure, tuple(dict.fromkeys(origins)))


def _from_bytecode(group: CrashGroup, used: NilUsed) -> Nil:
    """What the instructions say, where the source cannot be read or does not fit."""
    frame, name = group.frames[0], ".".join(used.chain)
    access = f"{name}.{used.attribute}" if used.attribute else _USED.get(used.how, "{}").format(name)
    return Nil((name,), access, frame.frame, "likely", _without_source(group, frame, used, name))


def _without_source(group: CrashGroup, frame: CrashFrame, used: NilUsed, name: str) -> tuple[Origin, ...]:
    if used.owner is not None and used.owner.file:
        place = Frame(used.owner.file, used.owner.line, used.owner.name)
        return (Origin("attribute", place, name, f"is an attribute of a {used.owner.name}"),)
    if used.stored_at:
        place = Frame(frame.file, used.stored_at, frame.function)
        return (Origin("expression", place, name, "was last stored"),)
    if used.argument and len(group.frames) > 1:
        return (Origin("argument", group.frames[1].frame, name, f"was given to {frame.function} as an argument"),)
    return ()


def _from_variables(group: CrashGroup) -> Nil:
    """The variables that were None, where nothing else tells."""
    frame = group.frames[0]
    nones = frame.none if len(frame.none) <= _MOST_EXPRESSIONS else ()
    return Nil(nones, "", frame.frame, "likely" if len(nones) == 1 else "open")
