"""Curvature beside the Hessian: Gauss-Newton and Fisher matrices, and their products with vectors, from the engine's sweeps."""

from gradcheck.curvature.fisher import fisher, fisher_product
from gradcheck.curvature.gauss_newton import gauss_newton, gauss_newton_product
from gradcheck.curvature.split import Split, split

__all__ = ["Split", "fisher", "fisher_product", "gauss_newton", "gauss_newton_product", "split"]
