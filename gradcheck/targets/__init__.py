"""The targets: implementations of backpropagation that are judged. To add one, write one file."""

from gradcheck.errors import CannotExpress
from gradcheck.subscriptable import make_mapping
from gradcheck.targets.known import Known
from gradcheck.targets.registry import targets
from gradcheck.targets.target import Description, Run, Target

__all__ = ["CannotExpress", "Description", "Known", "Run", "Target", "targets"]

make_mapping(__name__, targets)
