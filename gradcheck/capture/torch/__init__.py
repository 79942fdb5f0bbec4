"""Recorded runs of PyTorch, eager."""
