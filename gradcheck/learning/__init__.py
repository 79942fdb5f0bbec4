"""Learning: what gradients are for, and where a wrong one shows. Update rules, training, and checks of both."""

from gradcheck.learning.adam import Adam, AdamW
from gradcheck.learning.comparison import compare
from gradcheck.learning.descent import Descent
from gradcheck.learning.marquardt import Marquardt
from gradcheck.learning.momentum import Momentum
from gradcheck.learning.optimizer import Rule
from gradcheck.learning.separation import Separation
from gradcheck.learning.steps import StepReport, check_step
from gradcheck.learning.stop import Stop
from gradcheck.learning.training import train
from gradcheck.learning.trajectory import Trajectory

__all__ = [
    "Adam", "AdamW", "Descent", "Marquardt", "Momentum", "Rule", "Separation", "StepReport", "Stop", "Trajectory", "check_step", "compare",
    "train",
]  # fmt: skip
