"""Errors of every operation's value and gradient, in units in the last place."""
