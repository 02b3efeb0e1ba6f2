"""The session: finds the target, runs the sources, asks the detectors, yields what happens."""
