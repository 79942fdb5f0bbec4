"""Which mistake gives these gradients? Hypotheses, asked of single nodes, confirmed by the certificate of the wrong network."""
