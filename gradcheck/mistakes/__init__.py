"""The vocabulary of mistakes: kinds that have a name, as records; the sentence is made last."""
