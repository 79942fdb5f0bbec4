"""Learning: what gradients are for, and where a wrong one shows. Update rules, training, and checks of both."""
