"""Targets and networks, row by row, to a matrix of verdicts."""
