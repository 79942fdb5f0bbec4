"""Deliberate mistakes: the checker's own exam."""
