"""The pure core: what was seen (model), what it means (detectors, verdict), how it reads (report).

Nothing in here touches a file of the target, a socket, a clock or a terminal.
"""
