"""What runs inside the target: it is sent there as source text, looks, answers over a socket, and leaves.

- Standard library and `machinery` only, relative imports only, language floor Python 3.9: it is loaded under a private
  package name into whatever interpreter the target has.
- Nothing of it ever raises into the target, prints, or logs through the target's handlers.
- Nothing of it stays: after a host said goodbye, or no host was heard of for the length of a lease, hooks, threads,
  sockets, files and modules are gone. Standard library modules that it imported remain, for the target may use them
  by now; so do three functions for forks that do nothing then, since Python cannot take them back.
- Little is imported: what a service has not imported yet, it waits for while we do. `typing` is for type checkers.
- Everything is bounded: messages, buffers, hosts, and the share of the processor that it may use.

The parts: `boot` (the text that is run first), `loading`, `door`, `wire`, `server`, `methods` (what hosts can ask
for), `lifecycle`, `lease`, `sensing` with `sensors` (and `hooks` for crashes) and `cost`, `worker` (a thread of ours),
`fork`, `crashes` (of ours); `preloaded` and `visit` for services that have a door from their start.
"""
