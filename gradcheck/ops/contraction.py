"""Sums of products in index notation: einsum, and the outer product."""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import dataclass

from gradcheck.arith.arithmetic import Arithmetic, Array, Shape
from gradcheck.errors import BadAttribute, BadShape
from gradcheck.ops.op import REQUIRED, declare, sample


@dataclass(frozen=True, slots=True)
class Product:
    """A parsed equation in which no operand repeats a letter.

    Args:
        terms: the letters of each operand.
        equal: pairs of letters that must agree; each stands for an identity matrix.
        result: the letters of the result.
    """

    terms: tuple[str, ...]
    equal: tuple[str, ...]
    result: str

    def sizes(self, shapes: tuple[Shape, ...]) -> dict[str, int]:
        """Return the length of each letter; raise `BadShape` where two differ."""
        out: dict[str, int] = {}
        for term, shape in zip(self.terms, shapes, strict=True):
            for letter, n in zip(term, shape, strict=True):
                if out.setdefault(letter, n) != n:
                    raise BadShape("einsum", f"one length for the letter {letter!r}", f"{out[letter]} and {n}")
        for pair in self.equal:
            a, b = pair[0], pair[1]
            if out[a] != out[b]:
                raise BadShape("einsum", f"equal lengths along the diagonal {a!r}", f"{out[a]} and {out[b]}")
        return out

    def value(self, m: Arithmetic, xs: tuple[Array, ...]) -> Array:
        """Return the sum of products."""
        eyes = [m.eye(n) for n in self._diagonals(xs)]
        return m.einsum(f"{','.join((*self.terms, *self.equal))}->{self.result}", *xs, *eyes)

    def _diagonals(self, xs: tuple[Array, ...]) -> list[int]:
        size = self.sizes(tuple(x.shape for x in xs))
        return [size[pair[0]] for pair in self.equal]

    def adjoint(self, m: Arithmetic, g: Array, xs: tuple[Array, ...], k: int) -> Array:
        """Return the cotangent of operand k: g with all others, ones for letters they do not have."""
        terms = [self.result, *self.terms[:k], *self.terms[k + 1 :], *self.equal]
        arrays = [g, *xs[:k], *xs[k + 1 :], *(m.eye(n) for n in self._diagonals(xs))]
        for letter, n in zip(self.terms[k], xs[k].shape, strict=True):
            if not any(letter in term for term in terms):
                terms.append(letter)
                arrays.append(m.ones((n,)))
        return m.einsum(f"{','.join(terms)}->{self.terms[k]}", *arrays)


def parsed(equation: str) -> Product:
    """Return the equation with repeated letters renamed; raise `BadAttribute` if it is none."""
    inputs, arrow, result = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    letters = "".join(terms)
    if not arrow:
        result = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    if not set(letters + result) <= set(string.ascii_letters):
        raise BadAttribute(f"einsum: expected letters, commas and one '->' (no ellipsis); got {equation!r}")
    if len(set(result)) != len(result) or not set(result) <= set(letters):
        raise BadAttribute(f"einsum: expected distinct letters of the operands after '->'; got {equation!r}")
    fresh = iter(c for c in string.ascii_letters if c not in letters)
    equal: list[str] = []
    if sum(len(term) - len(set(term)) for term in terms) > len(string.ascii_letters) - len(set(letters)):
        raise BadAttribute(f"einsum: expected no more than {len(string.ascii_letters)} letters, repeated ones counted again; got {equation!r}")
    return Product(tuple(_distinct(term, fresh, equal) for term in terms), tuple(equal), result)


def _distinct(term: str, fresh: Iterator[str], equal: list[str]) -> str:
    """Return a term without repeated letters, noting in `equal` which new one equals which."""
    out = ""
    for c in term:
        new = next(fresh) if c in out else c
        if new != c:
            equal.append(c + new)
        out += new
    return out


def _einsum_shape(*shapes: Shape, equation: str) -> Shape:
    product = parsed(equation)
    if [len(t) for t in product.terms] != [len(s) for s in shapes]:
        raise BadShape("einsum", f"operands with the axes of {equation!r}", shapes)
    size = product.sizes(shapes)
    return tuple(size[c] for c in product.result)


def _einsum_tangent(m: Arithmetic, ts: tuple[Array, ...], xs: tuple[Array, ...], equation: str) -> Array:
    """Return the product rule: the tangent of one operand at a time."""
    product = parsed(equation)
    parts = [product.value(m, (*xs[:k], t, *xs[k + 1 :])) for k, t in enumerate(ts)]
    out = parts[0]
    for part in parts[1:]:
        out = out + part
    return out


einsum = declare(
    "einsum", "the sum of products that an equation describes, without ellipsis; ONNX Einsum", "real",
    variadic=True,
    value=lambda m, *xs, equation: parsed(equation).value(m, xs),
    vjp=lambda m, g, y, *xs, equation: tuple(parsed(equation).adjoint(m, g, xs, k) for k in range(len(xs))),
    jvp=lambda m, ts, y, *xs, equation: _einsum_tangent(m, ts, xs, equation),
    shape=_einsum_shape,
    attributes={"equation": REQUIRED},
    slack=4,
    samples=(
        sample((2, 3), (3, 2), equation="ij,jk->ik"), sample((2, 3), (3,), equation="ij,j"),
        sample((2, 3), equation="ij->"),
        sample((2, 2), equation="ii"), sample((2, 2), equation="ii -> i"), sample((2, 1, 2), (2,), equation="iji,i->j"),
        sample((2, 3), equation="ba"), sample((2,), (3,), (2,), equation="a,b,a->b"),
        sample((2, 2, 2), equation="iii->i"),
        sample((2, 1, 3), (2, 3, 2), equation="bij,bjk->bik"), sample((), (2,), equation=",i->i"),
        sample((2, 3), (2,), equation="ij,k->k"),
    ),
)  # fmt: skip


def _outer_shape(a: Shape, b: Shape) -> Shape:
    if len(a) != 1 or len(b) != 1:
        raise BadShape("outer", "two vectors", (a, b))
    return (*a, *b)


def _outer(m: Arithmetic, a: Array, b: Array) -> Array:
    return m.reshape(a, (*a.shape, 1)) * m.reshape(b, (1, *b.shape))


outer = declare(
    "outer", "the products a_i b_j of two vectors", "real", "real",
    value=_outer,
    vjp=lambda m, g, y, a, b: (m.matmul(g, b), m.matmul(a, g)),
    jvp=lambda m, ts, y, a, b: _outer(m, ts[0], b) + _outer(m, a, ts[1]),
    shape=_outer_shape,
    samples=(sample((2,), (3,)), sample((1,), (2,))),
)  # fmt: skip
