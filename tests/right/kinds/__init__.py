"""Right derivatives of every kind that people check, three wrong ones beside each: what a check has to tell apart."""
