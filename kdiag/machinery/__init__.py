"""The concurrency idioms of Kubernetes for Python: what every loop, timer, retry and thread of ours is built on.

- Standard library only, relative imports only, language floor Python 3.9: it runs inside the target too, and works
  under whatever package name it is shipped.
- Time is an argument: whatever waits takes a `Clock`, so tests step a fake one and never sleep.
- Stopping is an argument: whatever runs long takes a `Context` (or an event) and ends promptly once it is done.
- Errors are exceptions; no crash of a callback or of a loop's function is lost, and none takes a neighbour with it.
- Importing is cheap: this package imports none of its parts, and no part imports asyncio until an async form is used.

The parts, each on the ones before it: `events`, `runtime`, `clock`, `context`, `wait`; `sync` needs none of them.
"""
