"""Arrays made of several parts (value and error, value and tangent): operators only."""

from __future__ import annotations

from typing import Any, Protocol

from gradcheck.arith.arithmetic import Array, Shape


class Operators(Protocol):
    """The arithmetic of a carrier: what its operators call."""

    def add(self, a: Array, b: Array) -> Array:
        """Return a + b."""

    def subtract(self, a: Array, b: Array) -> Array:
        """Return a - b."""

    def multiply(self, a: Array, b: Array) -> Array:
        """Return a * b."""

    def divide(self, a: Array, b: Array) -> Array:
        """Return a / b."""

    def negative(self, a: Array) -> Array:
        """Return -a."""

    def absolute(self, a: Array) -> Array:
        """Return the magnitude of a."""


class Carrier:
    """An array-like whose operators are those of its arithmetic `m`; `value` has the shape."""

    __slots__ = ("m", "value")
    __array_ufunc__ = None  # ndarray + carrier comes to our __radd__

    def __init__(self, m: Operators, value: Any) -> None:
        self.m = m
        self.value = value

    @property
    def shape(self) -> Shape:
        """The shape of the value."""
        return tuple(self.value.shape)

    def __add__(self, other: Array) -> Array:
        return self.m.add(self, other)

    def __radd__(self, other: Array) -> Array:
        return self.m.add(other, self)

    def __sub__(self, other: Array) -> Array:
        return self.m.subtract(self, other)

    def __rsub__(self, other: Array) -> Array:
        return self.m.subtract(other, self)

    def __mul__(self, other: Array) -> Array:
        return self.m.multiply(self, other)

    def __rmul__(self, other: Array) -> Array:
        return self.m.multiply(other, self)

    def __truediv__(self, other: Array) -> Array:
        return self.m.divide(self, other)

    def __rtruediv__(self, other: Array) -> Array:
        return self.m.divide(other, self)

    def __neg__(self) -> Array:
        return self.m.negative(self)

    def __abs__(self) -> Array:
        return self.m.absolute(self)
