"""The exceptions of the last seconds, one row a fingerprint, and of the chosen one where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.tui.present.crashes import Explained, fingerprints
from kdiag.tui.views.listing import ListingView

if TYPE_CHECKING:
    from kdiag.engine.live import Picture
    from kdiag.tui.present.finding import Source
    from kdiag.tui.present.listing import Listing


class CrashesView(ListingView):
    """What the probe's hooks told of."""

    name_, key = "Crashes", "7"
    searched = "type, function, file or thread"

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source
        self._explained = Explained()

    def prepare(self, picture: Picture, width: int) -> Listing:
        """The fingerprints, as they are to be shown now."""
        return fingerprints(picture, width, self.filter, self._source, self._explained)
