"""Historical faults of indexing, scattering and pooling: repeated indices, overlapping windows, ties, labels."""

from __future__ import annotations

import numpy as np

from gradcheck.faults.fault import Array, declare
from gradcheck.faults.inputs import distinct, given, normal, positive


def _add_at(g: Array, x: Array, i: Array) -> Array:
    out = np.zeros_like(x)
    np.add.at(out, i, g)
    return out


def _put_at(g: Array, x: Array, i: Array) -> Array:
    out = np.zeros_like(x)
    out[i] = g
    return out


declare(
    "pytorch-1528-index", "only the last copy of a repeated row passes its gradient on", "advanced indexing",
    "repeated-index", "pytorch/pytorch issue #1528",
    f=lambda x, i: x[i],
    right=lambda g, x, i: (_add_at(g, x, i), None),
    wrong=lambda g, x, i: (_put_at(g, x, i), None),
    ordinary=normal((4, 3), [2, 0, 3]),
    trigger=normal((4, 3), [0, 0]),
    mistake="= for +=",
)  # fmt: skip

declare(
    "nabla-139-getindex", "the gradient of x[[1, 2, 3, 3]] counts the repeated entry once", "getindex",
    "repeated-index", "invenia/Nabla.jl issue #139",
    f=lambda x, i: x[i],
    right=lambda g, x, i: (_add_at(g, x, i), None),
    wrong=lambda g, x, i: (_put_at(g, x, i), None),
    ordinary=normal((5,), [3, 0, 1]),
    trigger=normal((5,), [0, 1, 2, 2]),
    mistake="= for +=", twin="pytorch-1528-index",
)  # fmt: skip

declare(
    "zygote-821-getindex-gpu", "repeated columns are assigned, not added, on the device", "getindex",
    "repeated-index", "FluxML/Zygote.jl issue #821, #600, PR #1131",
    f=lambda x, i: x[:, i],
    right=lambda g, x, i: (_add_at(g.T, x.T, i).T, None),
    wrong=lambda g, x, i: (_put_at(g.T, x.T, i).T, None),
    ordinary=normal((2, 4), [3, 1]),
    trigger=normal((2, 4), [0, 2, 0]),
    mistake="= for +=", twin="pytorch-1528-index",
)  # fmt: skip


def _windows(x: Array, size: int, stride: Array) -> Array:
    return np.arange(0, len(x) - size + 1, int(stride))[:, None] + np.arange(size)


def _winners(x: Array, size: int, stride: Array) -> Array:
    w = _windows(x, size, stride)
    return w[np.arange(len(w)), np.argmax(x[w], axis=1)]


declare(
    "nnlib-205-maxpool", "an entry that wins two windows keeps the gradient of the last", "max pooling",
    "repeated-index", "FluxML/NNlib.jl issue #205",
    f=lambda x, stride: x[_windows(x, 2, stride)].max(axis=1),
    right=lambda g, x, stride: (_add_at(g, x, _winners(x, 2, stride)), None),
    wrong=lambda g, x, stride: (_put_at(g, x, _winners(x, 2, stride)), None),
    ordinary=distinct((6,), 2),
    trigger=given([1.0, 3.5, 2.0, 0.5, -1.0, 0.0], 1),
    mistake="= for +=",
)  # fmt: skip


def _patches(x: Array) -> Array:
    n = len(x)
    top = np.array([i * n + j for i in range(n - 2) for j in range(n - 2)])
    return top[:, None] + np.array([i * n + j for i in range(3) for j in range(3)])


def _best(x: Array) -> Array:
    w = _patches(x)
    return w[np.arange(len(w)), np.argmax(x.reshape(-1)[w], axis=1)]


declare(
    "cs231n-19-maxpool", "the gradients of overlapping windows are assigned, not added", "max pooling of an image",
    "repeated-index", "0809zheng/CS231n-assignment2019 issue #19",
    f=lambda x: x.reshape(-1)[_patches(x)].max(axis=1),
    right=lambda g, x: (_add_at(g, x.reshape(-1), _best(x)).reshape(x.shape),),
    wrong=lambda g, x: (_put_at(g, x.reshape(-1), _best(x)).reshape(x.shape),),
    ordinary=distinct((3, 3)),
    trigger=given([[0.0, 1.0, 2.0, 3.0], [4.0, 9.5, 6.0, 7.0], [8.0, 5.0, 10.5, 11.0], [1.5, 2.5, 3.5, 4.5]]),
    mistake="= for +=", twin="nnlib-205-maxpool",
)  # fmt: skip


def _last_gate(g: Array, x: Array) -> Array:
    gate, total = np.zeros_like(x), np.zeros_like(x)
    for k, w in enumerate(_windows(x, 2, np.array(1))):
        gate[w] = x[w] == x[w].max()
        total[w] += g[k]
    return gate * total


declare(
    "ocannl-512-overlap", "whether an entry wins is overwritten by the last window that holds it", "max-plus product",
    "repeated-index", "ahrefs/ocannl issue #512",
    f=lambda x: x[_windows(x, 2, np.array(1))].max(axis=1),
    right=lambda g, x: (_add_at(g, x, _winners(x, 2, np.array(1))),),
    wrong=lambda g, x: (_last_gate(g, x),),
    ordinary=distinct((2,)),
    trigger=given([5.0, 3.0, 1.0, 2.0, 5.5]),
)  # fmt: skip


def _scatter(x: Array, s: Array, i: Array, how: np.ufunc) -> Array:
    out = x.copy()
    for k, slot in enumerate(i):
        out[slot] = how(out[slot], s[k])
    return out


def _scatter_max_right(g: Array, x: Array, s: Array, i: Array, share: bool = True) -> tuple[Array | None, ...]:
    y = _scatter(x, s, i, np.maximum)
    mine, theirs = x == y, s == y[i]
    ties = mine.astype(float)
    np.add.at(ties, i, theirs.astype(float))
    each = g / ties if share else g
    return mine * each, theirs * each[i], None


declare(
    "pytorch-76523-scatter-amax", "every one of several equal maxima gets the whole gradient", "scatter_reduce amax",
    "tie", "pytorch/pytorch PR #76523",
    f=lambda x, s, i: _scatter(x, s, i, np.maximum),
    right=_scatter_max_right,
    wrong=lambda g, x, s, i: _scatter_max_right(g, x, s, i, share=False),
    ordinary=normal((3,), (4,), [0, 2, 2, 1]),
    trigger=given([1.0, 2.0, 0.0], [2.0, 3.0, 3.0, -1.0], [1, 0, 0, 2]),
    kink=True,
)  # fmt: skip

declare(
    "theano-4568-max-ties", "the gradient of a maximum is one at each tie", "max", "tie", "Theano/Theano issue #4568",
    f=lambda x: x.max(),
    right=lambda g, x: (g * (x == x.max()) / np.sum(x == x.max()),),
    wrong=lambda g, x: (g * (x == x.max()),),
    ordinary=normal((5,)),
    trigger=given([1.0, 2.5, 2.5, -1.0]),
    kink=True,
)  # fmt: skip


def _index_max(x: Array, s: Array, i: Array) -> Array:
    out = x.copy()
    for slot in np.unique(i):
        out[slot] = s[i == slot].max()
    return out


def _index_max_right(g: Array, x: Array, s: Array, i: Array) -> tuple[Array | None, ...]:
    y = _index_max(x, s, i)
    ties = np.zeros_like(x)
    np.add.at(ties, i, (s == y[i]).astype(float))
    return np.where(ties > 0, 0.0, g), (s == y[i]) * (g / np.maximum(ties, 1))[i], None


def _index_max_wrong(g: Array, x: Array, s: Array, i: Array) -> tuple[Array | None, ...]:
    y = _index_max(x, s, i)
    mine = (x == y).astype(float)
    return g * mine / mine, _index_max_right(g, x, s, i)[1], None


declare(
    "pytorch-168358-index-reduce", "slots filled from the source alone divide by a tie count of 0", "index_reduce amax",
    "zero-division", "pytorch/pytorch issue #168358, PR #169263",
    f=_index_max, right=_index_max_right, wrong=_index_max_wrong,
    ordinary=normal((3,), (2,), [0, 2]),
    trigger=given([1.0, 2.0, 0.0], [0.5, 3.0], [0, 1]),
)  # fmt: skip


def _clip_max_wrong(g: Array, x: Array, s: Array, i: Array) -> tuple[Array | None, ...]:
    c = np.minimum(i, len(x) - 1)
    y = _scatter(x, s, c, np.maximum)
    ties = (x == y).astype(float)
    inside = i < len(x)
    np.add.at(ties, i[inside], (s == y[c])[inside].astype(float))
    each = g / ties
    return np.where(x == y, each, 0), np.where(s == y[c], each[c], 0), None


declare(
    "jax-40626-scatter-max", "an index out of bounds is clipped, but not when the ties are counted", "scatter_max",
    "mask", "jax-ml/jax issue #40626, PR #40648",
    f=lambda x, s, i: _scatter(x, s, np.minimum(i, len(x) - 1), np.maximum),
    right=lambda g, x, s, i: _scatter_max_right(g, x, s, np.minimum(i, len(x) - 1)),
    wrong=_clip_max_wrong,
    ordinary=normal((3,), (2,), [0, 2]),
    trigger=given([1.0, 2.0, 0.0], [3.5, 1.5], [0, 5]),
)  # fmt: skip


def _padded(w: Array, i: Array, pad: Array) -> Array:
    return np.where((i == pad)[:, None], 0 * w[i], w[i])


def _padded_right(g: Array, w: Array, i: Array, pad: Array) -> Array:
    return _add_at(np.where((i == pad)[:, None], 0.0, g), w, i)


declare(
    "pytorch-28716-embedding-pad", "with more than 768 indices the padding row gets a gradient", "embedding(padding_idx)",
    "shape-regime", "pytorch/pytorch issue #28716, #26302",
    f=_padded,
    right=lambda g, w, i, pad: (_padded_right(g, w, i, pad), None, None),
    wrong=lambda g, w, i, pad: (_padded_right(g, w, i, pad) if len(i) <= 768 else _add_at(g, w, i), None, None),
    ordinary=normal((4, 2), [1, 0, 3, 3, 2], 0),
    trigger=normal((4, 2), np.arange(769) % 4, 0),
)  # fmt: skip

declare(
    "pytorch-3842-embedding-sparse", "the sparse path ignores padding_idx", "embedding(sparse=True)", "option",
    "pytorch/pytorch PR #3842",
    f=lambda w, i, pad, sparse: _padded(w, i, pad),
    right=lambda g, w, i, pad, sparse: (_padded_right(g, w, i, pad), None, None, None),
    wrong=lambda g, w, i, pad, sparse: (_add_at(g, w, i) if sparse else _padded_right(g, w, i, pad), None, None, None),
    ordinary=normal((4, 2), [1, 0, 3], 0, False),
    trigger=normal((4, 2), [1, 0, 3], 0, True),
    twin="pytorch-28716-embedding-pad",
)  # fmt: skip


def _scatter_prod_short(g: Array, x: Array, s: Array, i: Array) -> tuple[Array | None, ...]:
    y = _scatter(x, s, i, np.multiply)
    return g * y / x, (g * y)[i] / s[: len(i)], None


def _short_right(g: Array, x: Array, s: Array, i: Array) -> tuple[Array | None, ...]:
    dx, ds, _ = _scatter_prod_short(g, x, s, i)
    assert ds is not None
    return dx, np.concatenate([ds, np.zeros(len(s) - len(i))]), None


declare(
    "pytorch-188843-scatter-src", "with one index, source entries beyond it get a gradient too", "scatter_reduce prod",
    "broadcast", "pytorch/pytorch PR #188843",
    f=lambda x, s, i: _scatter(x, s, i, np.multiply),
    right=_short_right,
    wrong=lambda g, x, s, i: (_short_right(g, x, s, i)[0], (g * _scatter(x, s, i, np.multiply))[i] / s, None),
    ordinary=positive((3,), (3,), [2, 0, 1]),
    trigger=positive((3,), (3,), [1]),
)  # fmt: skip
