"""From one ordinary input, the inputs at which faults hide: what to feed, in which order, and how to make a finding small."""
