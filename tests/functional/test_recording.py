"""What is watched without an end is recorded to its end, with more in it than the screen remembers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from kdiag.engine.diagnosis import live
from kdiag.engine.recording import read_recording
from tests.support.targets import start_target

if TYPE_CHECKING:
    from pathlib import Path

    from kdiag.engine.live import Picture

ENOUGH = 8  # looks at the stacks


def test_a_watch_is_recorded(tmp_path: Path) -> None:
    file = tmp_path / "shop.kdiag"
    seen: list[Picture] = []
    with start_target("waiting_service") as target:
        feed = live(target.pid, window_s=1.0, record=file)

        def show(picture: Picture) -> None:
            seen.append(picture)
            if len(read_recording(file).whole.stacks) >= ENOUGH:
                feed.stop()

        watcher = threading.Thread(target=feed.run, args=(show,))
        watcher.start()
        watcher.join(120)
        assert not watcher.is_alive()
    recording = read_recording(file)

    assert recording.observation.samples.stacks == len(recording.whole.stacks) >= ENOUGH
    assert "recording-cut-off" not in {limit.reference for limit in recording.whole.limitations}
    assert recording.duration_s > seen[-1].window.duration_s
