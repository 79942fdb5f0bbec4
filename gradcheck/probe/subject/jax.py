"""JAX functions, custom_vjp and custom_jvp: their own autodiff is what is checked, both modes, first and second order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradcheck.errors import BadInput, FunctionFailed
from gradcheck.probe.subject.directions import cotangent
from gradcheck.probe.subject.edge import gated
from gradcheck.probe.subject.structure import flatten, refuse_empty, shown_path
from gradcheck.probe.subject.subject import Array, Arrays, Subject, reproduces, spacing

#: Primitives with a body.
LOOPS = ("scan", "while", "cond")


def is_array(x: Any) -> bool:
    """Answer whether `x` is a JAX array."""
    return isinstance(x, jax.Array) and not jnp.issubdtype(x.dtype, jax.dtypes.prng_key)  # a key passes through


def to_numpy(x: Any) -> Array:
    """Return an array's numbers: float64 for any floating-point format, else as they are."""
    return _array(x) if jnp.issubdtype(x.dtype, jnp.inexact) else np.asarray(x)


def like(x: Array, old: Any) -> jax.Array:
    """Return a NumPy array as a JAX array of the format of another one."""
    return jnp.asarray(x, old.dtype)


def jax_subject(f: Callable[..., Any], inputs: tuple[Any, ...]) -> Subject:
    """Return the subject of a JAX function."""
    flat = flatten(inputs, is_array)
    for path, a in zip(flat.paths, flat.arrays, strict=True):
        if not isinstance(a, jax.core.Tracer) and a.is_deleted():
            raise BadInput(f"input {shown_path(path)}: expected an array; got one that was deleted, or donated to a compiled function")
    chosen = [i for i, a in enumerate(flat.arrays) if jnp.issubdtype(a.dtype, jnp.inexact)]
    refuse_empty(len(chosen))
    constant: list[int] = []  # outputs of integers, which f tells at its first call
    kept = [jnp.array(a) for a in flat.arrays]  # f may be given its arguments for good (donate_argnums): each call has its own

    def of(*xs: Any) -> list[Any]:
        given = dict(zip(chosen, xs, strict=True))
        arrays = [given[i] if i in given else jnp.array(a) for i, a in enumerate(kept)]
        found = flatten(f(*flat.rebuild(arrays)), is_array)
        if not found.arrays:
            raise FunctionFailed("expected f to return JAX arrays")
        constant[:] = [k for k, y in enumerate(found.arrays) if not jnp.issubdtype(y.dtype, jnp.inexact)]
        if len(constant) == len(found.arrays):
            raise BadInput(f"expected f to return floating-point numbers; got dtype {found.arrays[0].dtype}")
        return [y for k, y in enumerate(found.arrays) if k not in constant]

    made = subject_of(of, [kept[i] for i in chosen], tuple(shown_path(flat.paths[i]) for i in chosen))
    return replace(made, constant=constant)


def subject_of(of: Callable[..., list[Any]], originals: list[Any], paths: tuple[str, ...], hessian: int = 0) -> Subject:
    """Return the subject of a function from JAX arrays to a list of them."""
    of = _compiled(of, originals)

    def typed(xs: Arrays) -> list[Any]:
        return [jnp.asarray(x, old.dtype) for x, old in zip(xs, originals, strict=True)]

    def call(xs: Arrays, wide: bool) -> Arrays:
        if not wide:
            return [_array(y) for y in of(*typed(xs))]
        with jax.enable_x64(True):
            return [_array(y) for y in of(*(jnp.asarray(x, _wide(old)) for x, old in zip(xs, originals, strict=True)))]

    def pull(gs: Arrays, xs: Arrays) -> Sequence[Any]:
        outputs, back = jax.vjp(of, *typed(xs))
        weights = [jnp.conj(jnp.asarray(g, y.dtype)) for g, y in zip(gs, outputs, strict=True)]
        return [np.conj(_array(v)) for v in back(weights)]  # JAX's gradient in a complex number is the conjugate of ours

    def push(ts: Arrays, xs: Arrays) -> Sequence[Any] | None:
        if _has_no_forward_mode(of, typed(xs)):
            return None
        return [_array(t) for t in jax.jvp(of, tuple(typed(xs)), tuple(typed(ts)))[1]]

    eps = tuple(spacing(np.asarray(x)) for x in originals)
    point = [_array(x) for x in originals]
    narrow = max(eps) > 2.0**-52
    wide = narrow and reproduces(call, point, max(eps))
    return gated(Subject(
        paths, point, lambda xs: call(xs, wide), pull, push, owner="jax", eps=eps, call_eps=2.0**-52 if wide else max(eps),
        second=lambda seed: _second(of, originals, paths, seed), hessian=hessian,
    ))  # fmt: skip


def _second(of: Callable[..., list[Any]], originals: list[Any], paths: tuple[str, ...], seed: int) -> Subject:
    """Return the subject whose function is the gradient, of inputs and cotangents."""
    count = len(originals)
    ys = of(*(jnp.array(x) for x in originals))
    made = cotangent(np.random.default_rng([seed, 4]), [np.asarray(y).real.astype(np.float64) for y in ys])
    gs = [jnp.asarray(g, y.dtype) for g, y in zip(made, ys, strict=True)]

    def first(*xs: Any) -> list[Any]:
        outputs, back = jax.vjp(of, *xs[:count])
        weights = [jnp.conj(g.astype(y.dtype)) for g, y in zip(xs[count:], outputs, strict=True)]
        return [jnp.conj(v) for v in back(weights)]

    names = tuple(f"cotangent {k}" if len(gs) > 1 else "cotangent" for k in range(len(gs)))
    return subject_of(first, [*originals, *gs], (*paths, *names), count)


def _compiled(of: Callable[..., list[Any]], originals: list[Any]) -> Callable[..., list[Any]]:
    """Return a function compiled once where it has loops: their bodies are new functions at each call, and would be compiled at each.

    A function that branches on values stays as it is.
    """
    try:
        found = jax.make_jaxpr(of)(*(jnp.array(x) for x in originals))
    except Exception:  # whatever f raises over tracers: it is for numbers alone
        return of
    return jax.jit(of) if _loops(found) else of


def _loops(x: Any) -> bool:
    """Answer whether a jaxpr, or one inside of it, has a loop or a branch."""
    if isinstance(x, tuple | list):
        return any(map(_loops, x))
    if hasattr(x, "jaxpr"):
        return _loops(x.jaxpr)
    return any(e.primitive.name in LOOPS or _loops(tuple(e.params.values())) for e in getattr(x, "eqns", ()))


def _has_no_forward_mode(of: Callable[..., Any], xs: list[Any]) -> bool:
    """A custom_vjp function refuses to be pushed forward."""
    try:
        jax.jvp(of, tuple(xs), tuple(jnp.array(x) for x in xs))  # of their own: f may be given its arguments for good
    except TypeError:
        return True
    return False


def _wide(old: Any) -> Any:
    return jnp.complex128 if jnp.issubdtype(old.dtype, jnp.complexfloating) else jnp.float64


def _array(x: Any) -> Array:
    made = np.asarray(x)
    return made.astype(np.complex128 if np.iscomplexobj(made) else np.float64)
