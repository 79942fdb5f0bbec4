"""Exact bounds of every entry of a gradient, by a reverse sweep in balls.

The package itself is the function: ``gradcheck.certify(graph, values, bits=128)``, see `certify`.
"""

from gradcheck.certify.certification import Certified, certify
from gradcheck.certify.enclosure import Enclosure
from gradcheck.subscriptable import make_callable

__all__ = ["Certified", "Enclosure", "certify"]

make_callable(__name__, certify)
