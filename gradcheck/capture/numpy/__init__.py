"""NumPy code recorded: one run on arrays that carry their numbers and write down what is done with them."""
