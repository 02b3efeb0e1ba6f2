"""Whole screens: the main one, one finding, the list of processes, questions."""
