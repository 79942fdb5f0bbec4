"""How many error bars apart two slopes differ."""

from __future__ import annotations

#: Error bars within which two slopes count as equal. The noise of a table of nine samples has 5 degrees of freedom: Student's t exceeds 6
#: once in 500 looks, in the three independent looks that an accusation takes, once in 10^8.
MARGIN = 6.0
