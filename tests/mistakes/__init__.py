"""Mistakes and their names."""
