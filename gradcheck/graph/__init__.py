"""What a network is: graph, trace, document, forward evaluation."""
