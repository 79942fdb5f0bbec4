"""Foreign code: targets, functions under test, whatever they are made of. All of it is called, read and imported here, and nowhere else."""

from gradcheck.foreign.arrays import array_of
from gradcheck.foreign.gate import answer_of, text_of
from gradcheck.foreign.importing import attribute_at
from gradcheck.foreign.interrupts import Interrupts
from gradcheck.foreign.process import undisturbed

__all__ = ["Interrupts", "answer_of", "array_of", "attribute_at", "text_of", "undisturbed"]
