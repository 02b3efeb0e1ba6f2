"""A flame graph as one SVG file that needs nothing else: open it in a browser, click to zoom, press / to search.

Or as a part of a page, which brings the looks and the script along and says what it shows.

Written as an icicle: the threads are on top, callees below. Its looks (`flamegraph.css`) and its few lines of script
(`flamegraph.js`) are files of their own beside this module and are put into the picture; without the script, in an
image viewer, it still reads. Boxes carry their position as counts, so that zooming is exact.
"""

from __future__ import annotations

import zlib
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from kdiag.core.frames import located
from kdiag.core.profile import Node, Profile, tree
from kdiag.core.report.layout import clean
from kdiag.core.report.quantity import quantity
from kdiag.core.report.stacks import place

if TYPE_CHECKING:
    from collections.abc import Iterator

_WIDTH = 1200  # pixels where nothing stretches the picture; a browser gives it the window's width
_ROW = 18
_TOP = 46
_SHADES = 8
_NARROWEST = 0.0002  # share of the whole below which a box is left out: less than a quarter of a pixel


def render(profile: Profile, title: str) -> Iterator[str]:
    """The picture as SVG, line by line."""
    root = tree(profile)
    boxes = list(_boxes(root))
    height = _TOP + _ROW * (1 + max(depth for _, depth, _ in boxes)) + 8
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="flamegraph" width="{_WIDTH}" height="{height}" '
        f'data-total="{root.count}">'
    )
    yield f"<title>{_text(title)}</title>"
    yield f"<style>{resource('flamegraph.css')}</style>"
    yield '<rect class="ground" width="100%" height="100%"/>'
    yield f'<text class="headline" x="8" y="18">{_text(title)}</text>'
    yield f'<text class="told" x="8" y="36">{_text(_told(profile))}</text>'
    yield '<text class="search" x="100%" dx="-8" y="18">search (/)</text>'
    yield '<text class="found" x="100%" dx="-8" y="36"></text>'
    for node, depth, start in boxes:
        yield _box(node, depth, start, root.count, profile.rate_hz, _TOP)
    yield f"<script><![CDATA[{resource('flamegraph.js')}]]></script>"
    yield "</svg>"


def embedded(profile: Profile, title: str, at_most: int) -> Iterator[str]:
    """The picture alone, with so many boxes at most, the widest: for a page that has the style and the script."""
    root = tree(profile)
    boxes = list(_boxes(root))
    # A box is never wider than the one that it lies in, so those that are kept hang together.
    boxes = sorted(boxes, key=lambda box: (-box[0].count, box[1]))[:at_most]
    height = _ROW * (1 + max(depth for _, depth, _ in boxes)) + 2
    yield (
        f'<svg class="flamegraph" width="100%" height="{height}" data-total="{root.count}" role="group" '
        f"aria-label={_attribute(title)}>"
    )
    for node, depth, start in boxes:
        yield _box(node, depth, start, root.count, profile.rate_hz, 0)
    yield "</svg>"


def resource(name: str) -> str:
    """The text of a file beside this module."""
    return files("kdiag.core.report").joinpath(name).read_text(encoding="utf-8").strip()


def _told(profile: Profile) -> str:
    span = f", {quantity(profile.total / profile.rate_hz, 's')} of threads' time" if profile.rate_hz else ""
    return f"{profile.total:,} stacks{span}. Orange: own code, blue: libraries, green: native. Click to zoom."


def _boxes(root: Node) -> Iterator[tuple[Node, int, int]]:
    """All boxes that are wide enough to be seen: node, depth, and how many counts lie left of it."""
    pending = [(root, 0, 0)]
    while pending:
        node, depth, start = pending.pop()
        yield node, depth, start
        for child in node.ordered():
            if child.count >= root.count * _NARROWEST:
                pending.append((child, depth + 1, start))
            start += child.count


def _box(node: Node, depth: int, start: int, total: int, rate_hz: float | None, top: int) -> str:
    left, width = (100 * number / total if total else 100 * (number == node.count) for number in (start, node.count))
    return (
        f'<svg class="box {_colour(node)}" x="{left:.4f}%" y="{top + depth * _ROW}" width="{width:.4f}%" '
        f'height="{_ROW - 1}" tabindex="{-1 if depth else 0}" '
        f'data-start="{start}" data-count="{node.count}" data-depth="{depth}" '
        f"data-name={_attribute(node.function)}>"
        f"<title>{_tooltip(node, total, rate_hz)}</title>"
        f'<rect width="100%" height="100%"/><text x="4" y="13">{_text(node.function)}</text></svg>'
    )


def _tooltip(node: Node, total: int, rate_hz: float | None) -> str:
    lines = [_text(node.function)]
    if node.file:
        lines.append(_text(place(node.file, node.line)))
    lines += [f"{_amount(node.count, total, rate_hz)} in all", f"{_amount(node.self_count, total, rate_hz)} of its own"]
    return "\n".join(lines)


def _amount(count: int, total: int, rate_hz: float | None) -> str:
    time = f", {quantity(count / rate_hz, 's')}" if rate_hz else ""
    return f"{quantity(count / total if total else 0.0, 'ratio')} ({count:,} stacks{time})"


def _colour(node: Node) -> str:
    """The box's class: whose code it is, and a shade that is the same for the same function in every picture."""
    if not node.file:
        return "thread"
    owner = "native" if node.native else "own" if located(node.file)[0] == "free" else "library"
    return f"{owner} shade{zlib.crc32(node.function.encode('utf-8', 'surrogatepass')) % _SHADES}"


def _text(text: str) -> str:
    return escape(clean(text), quote=False)


def _attribute(text: str) -> str:
    return f'"{escape(clean(text))}"'
