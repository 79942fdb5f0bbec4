"""The checkers that sit the exam: gradcheck itself and those of other libraries, each in a file of its own.

To add one, write a module with ``examine(problem, mode) -> Answer`` and name it in `CHECKERS`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from gradcheck.bench.checkers.problem import Answer, Problem
from gradcheck.errors import MissingDependency, UnknownName

__all__ = ["CHECKERS", "Answer", "Checker", "Problem", "checker", "installed"]


@dataclass(frozen=True, slots=True)
class Checker:
    """Where a checker is to be found.

    Args:
        module: in this package.
        package: what has to be installed.
        mode: given to the module's ``examine``.
        explores: whether it can be asked to vary the inputs.
    """

    module: str
    package: str
    mode: str = ""
    explores: bool = False

    def examine(self, problem: Problem, **options: Any) -> Answer:
        """Return what the checker says; an exception of any kind is the answer "error"."""
        ask = import_module(f"gradcheck.bench.checkers.{self.module}").examine
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                answer: Answer = ask(problem, mode=self.mode, **options)
        except Exception as error:  # somebody else's code on somebody's wrong derivative: a crash is a result
            return Answer("error", message=f"{type(error).__name__}: {error}"[:300])
        return answer


#: name -> checker, each with its default settings
CHECKERS: Mapping[str, Checker] = {
    "gradcheck": Checker("gradcheck", "numpy", explores=True),
    "torch": Checker("torch", "torch", "slow"),
    "torch-fast": Checker("torch", "torch", "fast"),
    "jax": Checker("jax", "jax"),
    "autograd": Checker("autograd", "autograd"),
    "scipy": Checker("scipy", "scipy"),
}


def installed() -> list[str]:
    """Return the names of the checkers whose packages are there."""
    return [name for name, c in CHECKERS.items() if find_spec(c.package)]


def checker(name: str) -> Checker:
    """Return a checker; raise `UnknownName`, or `MissingDependency` where its package is not installed."""
    if name not in CHECKERS:
        raise UnknownName("checker", name, CHECKERS)
    if not find_spec(CHECKERS[name].package):
        package = CHECKERS[name].package
        raise MissingDependency(package, "sklearn" if package == "scipy" else package)
    return CHECKERS[name]
