"""Checks of what can only be called: a function and the derivative that is doubted."""
