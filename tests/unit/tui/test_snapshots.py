"""What the screen looks like, as pictures: each view in a small terminal, the most used ones in larger ones, too.

The pictures are of recordings, so that what they show is real. After a wanted change:
`pytest tests/unit/tui/test_snapshots.py --snapshot-update`, and look at what changed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from kdiag.tui.app import KdiagApp
from tests.support.feeds import ShownFeed, recorded
from tests.support.screens import Screen

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    from kdiag.engine.live import Picture

SMALL, MIDDLE, LARGE = (80, 24), (120, 40), (200, 60)
SCENES = [  # recording, keys, sizes
    ("deadlock", (), (SMALL, MIDDLE, LARGE)),
    ("deadlock", ("6",), (SMALL, MIDDLE, LARGE)),
    ("pool-exhaustion", ("2",), (SMALL, MIDDLE, LARGE)),
    ("pool-exhaustion", ("5",), (SMALL,)),
    ("gc-pressure", ("4",), (SMALL,)),
    ("gc-pressure", ("9",), (SMALL, LARGE)),
    ("gc-pressure", ("0",), (SMALL,)),
    ("nil-dereference", ("enter",), (SMALL,)),
    ("nil-dereference", ("7",), (SMALL,)),
    ("dict-mutation", ("8",), (SMALL,)),
    ("healthy", (), (SMALL,)),
    ("healthy", ("3",), (SMALL,)),
    ("healthy", ("a",), (SMALL,)),
]


@pytest.mark.parametrize(
    ("recording", "keys", "size"),
    [
        pytest.param(name, keys, size, id=f"{name}-{''.join(keys)}-{size[0]}x{size[1]}")
        for name, keys, sizes in SCENES
        for size in sizes
    ],
)
def test_it_looks_as_it_did(
    snap_compare: Callable[..., bool], recording: str, keys: tuple[str, ...], size: tuple[int, int]
) -> None:
    app, shown = application(recording)
    if "a" in keys:
        shown = replace(shown, inside=False)  # else there is nothing to ask

    async def lead(pilot: Pilot[Any]) -> None:
        await put_up(app, pilot, shown, keys)

    assert snap_compare(app, terminal_size=size, run_before=lead)


@pytest.mark.parametrize("theme", ["textual-light", "ansi-dark"])
def test_other_colours(snap_compare: Callable[..., bool], theme: str) -> None:
    app, shown = application("deadlock")

    async def lead(pilot: Pilot[Any]) -> None:
        app.theme = theme
        await put_up(app, pilot, shown, ())

    assert snap_compare(app, terminal_size=SMALL, run_before=lead)


def application(recording: str) -> tuple[KdiagApp, Picture]:
    shown = recorded(recording)
    return KdiagApp(ShownFeed(f"process {shown.report.target.pid}")), shown


async def put_up(app: KdiagApp, pilot: Pilot[Any], shown: Picture, keys: tuple[str, ...]) -> None:
    """Show a picture, press keys, and wait until all of it stands."""
    assert isinstance(app.feed, ShownFeed)
    screen = Screen(app, app.feed, pilot)
    await screen.put_up(shown)
    if keys:
        await screen.press(*keys)
    await screen.until(lambda: app.main.frame is not None and app.main.frame.view is app.main.view)
