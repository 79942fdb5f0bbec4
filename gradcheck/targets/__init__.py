"""The targets: implementations of backpropagation that are judged. To add one, write one file."""

from gradcheck.targets.registry import targets
from gradcheck.targets.target import CannotExpress, Description, Known, Run, Target

__all__ = ["CannotExpress", "Description", "Known", "Run", "Target", "targets"]
