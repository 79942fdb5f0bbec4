"""Exact bounds of every entry of a gradient or a Hessian, by reverse sweeps in balls.

The package itself is the function: ``gradcheck.certify(graph, values, bits=128)``, see `certify`.
"""

from gradcheck.certify.certification import Certified, certify
from gradcheck.certify.enclosure import Enclosure
from gradcheck.certify.second import CertifiedHessian, certify_hessian
from gradcheck.subscriptable import make_callable

__all__ = ["Certified", "CertifiedHessian", "Enclosure", "certify", "certify_hessian"]

make_callable(__name__, certify)
