"""How a kernel rounds: what its author declares, and the models of rounding that this admits, from the narrowest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from gradcheck.arith.fused import Stores
from gradcheck.arith.rounding import Format
from gradcheck.arith.running import Roundoff
from gradcheck.arith.storage import TF32, storage
from gradcheck.errors import BadInput

Rounds = Literal["auto", "boundary", "saved", "products", "every"]
Accumulate = Literal["auto", "float32", "tf32", "storage"]


@dataclass(frozen=True, slots=True)
class Rounding:
    """What the author of a kernel says of its rounding; what is "auto" is found out.

    Args:
        rounds: what is rounded to the storage format. "boundary": results and gradients, once (a fused kernel). "saved": the backward pass reads the
            stored result as well. "products": so do products of matrices read their operands (tensor cores; attention). "every": the result of every
            operation (eager code), of which little can be seen: it is never assumed, only declared.
        accumulate: what sums are added up in. "float32"; "tf32": products take float32 operands rounded to 11 bits; "storage": the storage format,
            which is a fault unless it is declared.
        ulps: error of functions in units in the last place of float32, by name: ``{"tanh": 2.0**13}`` for tanh.approx; 4 unless given.

    Raises:
        BadInput: a word that is none of these, or an error that is no number of at least 0.

    >>> [model.name for model in Rounding().models("bfloat16")]
    ['boundary', 'saved', 'products']
    >>> [model.name for model in Rounding("every").models("bfloat16")]
    ['every']
    """

    rounds: Rounds = "auto"
    accumulate: Accumulate = "auto"
    ulps: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, kinds in (("rounds", get_args(Rounds)), ("accumulate", get_args(Accumulate))):
            if getattr(self, name) not in kinds:
                raise BadInput(f"expected {name} to be one of {', '.join(kinds)}; got {getattr(self, name)!r}")
        for function, error in self.ulps.items():
            if not isinstance(error, int | float) or not error >= 0:
                raise BadInput(f"expected the error of {function} in units in the last place, at least 0; got {error!r}")

    def models(self, stored: str) -> tuple[Model, ...]:
        """Return the models that the declaration admits for a storage format, the narrowest first.

        Args:
            stored: "bfloat16", "float16" or "float32".
        """
        names = ("boundary", "saved", "products") if self.rounds == "auto" else (self.rounds,)
        return tuple(dict.fromkeys(self._model(name, stored) for name in names))

    def _model(self, name: str, stored: str) -> Model:
        inner = Roundoff.of("float32", accumulate=stored if self.accumulate == "storage" else None, ulps=self.ulps)
        to = storage(stored)
        operands = to if name in ("products", "every") and stored != "float32" else None  # which float32 holds as they are
        if self.accumulate == "tf32" or (stored == "float32" and name == "products" and self.rounds == self.accumulate == "auto"):
            operands = TF32
        return Model(name, inner, Stores(operands, to if name == "every" else None), name != "boundary")


@dataclass(frozen=True, slots=True)
class Model:
    """One way in which a kernel may round.

    Args:
        name: of what is rounded, see `Rounding`.
        roundoff: inside.
        stores: what is rounded to a narrower format inside.
        saved: whether the backward pass reads the stored result.
    """

    name: str
    roundoff: Roundoff
    stores: Stores
    saved: bool

    def accumulating(self, stored: str) -> Model:
        """Return the same with sums in the storage format."""
        return replace(self, roundoff=replace(self.roundoff, accumulate=Roundoff.of(stored).u))

    def __hash__(self) -> int:
        return hash(self.name)


def sentence(model: Model, stored: str) -> str:
    """Return what a model says, in words.

    Args:
        model: of rounding.
        stored: the format of what is stored.
    """
    narrow: Format | None = model.stores.operands
    operands = "tf32" if narrow == TF32 else stored
    return {
        "boundary": f"float32 inside, results rounded once to {stored}",
        "saved": f"float32 inside, results rounded once to {stored} and read again by the backward pass",
        "products": f"operands of products rounded to {operands}, sums in float32, results rounded once to {stored}",
        "every": f"the result of every operation rounded to {stored}",
    }[model.name]
