"""Measurements: accuracy, cost and detection power."""
