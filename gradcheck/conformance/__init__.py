"""A suite for other people's repositories: is your implementation of backpropagation right, network by network, op by op?

::

    pytest --pyargs gradcheck.conformance --gradcheck-target mypkg:Engine

One test for each target, network or operation, and format, named target/network/dtype. A network that the target cannot express is
skipped with the reason. ``--gradcheck-networks`` and ``--gradcheck-dtype`` choose, ``--gradcheck-known-failures`` names what is
expected to fail, ``--gradcheck-report`` writes one HTML file.
"""
