"""The screen: `kdiag PID`. It shows what a feed of the engine's tells, and has no opinion of its own.

- `app` routes: feed to frames, frames to the screen, keys to the feed.
- `frames` makes what is shown out of pictures, in a thread of its own, so that the screen never waits.
- `present/` holds the pure functions from a picture to text; `views/` and `screens/` put it up;
  `widgets/` are the parts.
"""
