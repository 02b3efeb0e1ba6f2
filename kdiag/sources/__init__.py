"""Each module turns one view of the outside world into samples of `core.model`."""
