"""Deliberate mistakes: the checker's own exam. To add a fault, declare it in the module of its theme."""

from gradcheck.faults.fault import Fault, faults

__all__ = ["Fault", "faults"]
