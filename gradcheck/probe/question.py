"""What is asked: a function, its doubted derivative and a point, as `gradcheck.check` was given them."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from time import monotonic
from typing import Any

import numpy as np

from gradcheck.errors import BadInput
from gradcheck.probe.explore.arguments import Arguments, Library
from gradcheck.probe.explore.domain import Domain, domain_of
from gradcheck.probe.explore.explore import Progress
from gradcheck.probe.slope.second import numpy_second
from gradcheck.probe.subject.edge import called
from gradcheck.probe.subject.numpy import numpy_subject
from gradcheck.probe.subject.pairs import paired
from gradcheck.probe.subject.structure import flatten
from gradcheck.probe.subject.subject import Meter, Subject
from gradcheck.probe.subject.symmetric import symmetric

#: Where exploration ends by itself.
EXPLORE_EVALUATIONS, EXPLORE_SECONDS = 20_000, 120.0


@dataclass(frozen=True, slots=True)
class Question:
    """The arguments of one `gradcheck.check`; see there.

    Args:
        f: the function.
        arguments: the list of its arguments.
        given: vjp, grad, jvp, hvp and hessian by name, None or left out where there is none.

    Raises:
        BadInput: options that cannot be.
    """

    f: Callable[..., Any]
    arguments: tuple[Any, ...]
    given: Mapping[str, Callable[..., Any] | None] = field(default_factory=dict)
    order: int = 1
    explore: bool | str = False
    seed: int = 0
    budget: int | str | None = None
    accuracy: float | None = None
    progress: Progress | None = None
    domain: Any = None

    def __post_init__(self) -> None:
        order: Any = self.order
        seed: Any = self.seed
        accuracy: Any = self.accuracy
        if order not in (1, 2):
            raise BadInput(f"expected order 1 or 2; got {order!r}")
        if not isinstance(seed, int | np.integer) or seed < 0:
            raise BadInput(f"expected a whole number of at least 0 as the seed; got {seed!r}")
        if accuracy is not None and not (isinstance(accuracy, int | float) and 0 < accuracy < math.inf):
            raise BadInput(f"expected a positive number as the accuracy; got {accuracy!r}")
        if self.explore not in (False, True, "shapes"):
            raise BadInput(f"expected explore=True or 'shapes'; got {self.explore!r}")
        if self._named("vjp") is not None and self._named("grad") is not None:
            raise BadInput("expected one of vjp= and grad=; got both")

    @property
    def owner(self) -> str:
        """The library that the function belongs to: "torch", "jax" or "numpy"."""
        return next((name for name in ("torch", "jax") if name in sys.modules and self._belongs(name)), "numpy")

    @property
    def second(self) -> bool:
        """Whether second derivatives are asked for."""
        return self.order == 2 or self._curved

    @property
    def options(self) -> dict[str, Any]:
        """Seed, order and accuracy, where they are not the usual ones."""
        usual = {"order": 1, "seed": 0, "accuracy": None}
        return {k: getattr(self, k) for k, v in usual.items() if getattr(self, k) != v}

    @property
    def adapter(self) -> Library:
        """How the arrays of the library become NumPy arrays and back."""
        if self.owner == "numpy":
            return Library()
        module = import_module(f"gradcheck.probe.subject.{self.owner}")
        return Library(module.is_tensor if self.owner == "torch" else module.is_array, module.to_numpy, module.like)

    def subject(self, at: tuple[Any, ...]) -> Subject:
        """Return the function with its first derivative, at other arguments; raise `BadInput` where none is given."""
        owner = self.owner
        if owner == "numpy":
            first = {k: self._named(k) for k in ("vjp", "grad", "jvp")}
            if first["vjp"] is None and first["grad"] is None and not self._curved:
                raise BadInput("expected a derivative to check: give vjp= or grad=, or inputs of torch or JAX")
            return self._made(lambda: numpy_subject(self.f, at, **first))
        if any(v is not None for v in self.given.values()):
            raise BadInput(f"expected no vjp=, grad=, jvp=, hvp= or hessian= for {owner} functions: their own autodiff is checked")
        module = import_module(f"gradcheck.probe.subject.{owner}")
        return self._made(lambda: getattr(module, f"{owner}_subject")(self.f, at))

    def above(self, subject: Subject, at: tuple[Any, ...]) -> Subject:
        """Return the subject of second derivatives; raise `BadInput` where none is given."""
        if subject.second is not None:
            second = subject.second
            return self._made(lambda: second(self.seed))
        if not self._curved:
            raise BadInput("expected hvp= or hessian= with order=2: NumPy functions bring no second derivative of their own")
        given = {k: self._named(k) for k in ("vjp", "grad", "hvp", "hessian")}
        return self._made(lambda: numpy_second(self.f, at, **given))

    def _made(self, make: Callable[[], Subject]) -> Subject:
        """Return a subject; making it calls f."""
        return paired(symmetric(called("f", make)))

    def domain_of(self, flat: Arguments) -> Domain:
        """Return the domain of the arrays among the arguments; raise `BadInput` where they lie outside."""
        return domain_of(self.domain, len(self.arguments), flat.paths, flat.arrays)

    def meter(self) -> Meter:
        """Return a fresh count of evaluations, with the budget; raise `BadInput` where that cannot be read."""
        if self.budget is None:
            return Meter(EXPLORE_EVALUATIONS, monotonic() + EXPLORE_SECONDS) if self.explore else Meter()
        if isinstance(self.budget, int) and self.budget > 0:
            return Meter(most=self.budget)
        match = re.fullmatch(r"(\d+(?:\.\d+)?) ?(s|m|min)", str(self.budget))
        if match is None:
            raise BadInput(f"expected a budget such as 200 (evaluations) or '30s'; got {self.budget!r}")
        return Meter(until=monotonic() + float(match[1]) * (1 if match[2] == "s" else 60))

    @property
    def _curved(self) -> bool:
        return self._named("hvp") is not None or self._named("hessian") is not None

    def _named(self, name: str) -> Callable[..., Any] | None:
        return self.given.get(name)

    def _belongs(self, library: str) -> bool:
        found = sys.modules[library]
        kind = found.Tensor if library == "torch" else found.Array
        if library == "torch" and isinstance(self.f, found.nn.Module):
            return True
        return bool(flatten(self.arguments, lambda x: isinstance(x, kind)).arrays)
