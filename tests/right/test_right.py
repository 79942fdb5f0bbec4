"""Not one right derivative is rejected: functions of SciPy, scikit-learn, torch and JAX, at kinks, in tails, narrow, noisy."""

import importlib
import warnings
from collections import Counter
from functools import cache

import numpy as np
import pytest

from tests.probe.custom import custom

LIBRARIES = ("scipy", "sklearn", "torch", "jax")
#: What the default run leaves to the deep one, for time.
SLOW = ("quad", "solve_ivp", "Transformer", "LSTM", "scan", "cg", "fori_loop", "map")


def _cases(library):
    pytest.importorskip(library)
    return importlib.import_module(f"tests.right.{library}_functions").CASES


def _examined(case, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what functions say of inputs at the edge of their domain is not the subject
        return case.check(**options)


@cache
def survey(library):
    """Return (case, report) for every case of a library."""
    return [(case, _examined(case)) for case in _cases(library)]


def _complaints(rows):
    return [f"{case.name}: {report}" for case, report in rows if report.verdict == "fail"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_sample_is_not_rejected(library):
    """One case in ten (of JAX, which compiles each, in fifty) is examined in every run."""
    rows = [(c, _examined(c)) for c in _cases(library)[:: 50 if library == "jax" else 10] if not any(w in c.name for w in SLOW)]
    assert not _complaints(rows), "\n".join(_complaints(rows))


@pytest.mark.deep
def test_no_right_derivative_is_rejected():
    """All cases: no fail, less than 2 % inconclusive and each with a reason, and no more evaluations than promised."""
    rows = [row for library in LIBRARIES for row in survey(library)]
    functions = {case.function for case, _ in rows}
    assert len(rows) >= 1000
    assert len(functions) >= 800
    assert not _complaints(rows), "\n".join(_complaints(rows))
    undecided = [f"{case.name}: {', '.join(report.reasons)}" for case, report in rows if report.verdict == "inconclusive"]
    assert len(undecided) < 0.02 * len(rows), "\n".join(undecided)
    assert all(report.reasons for _, report in rows if report.verdict == "inconclusive")
    taken = [r.evaluations for _, r in rows if r.verdict == "pass"]
    assert np.all(np.percentile(taken, [50, 90]) <= [60, 150])
    assert max(taken) <= 1000


@pytest.mark.deep
def test_the_corpus_has_what_it_says():
    """Each name once; kinks, tails, noise, narrow formats and edges in numbers."""
    cases = [case for library in LIBRARIES for case in _cases(library)]
    assert max(Counter(c.name for c in cases).values()) == 1
    tags = Counter(tag for c in cases for tag in c.tags)
    assert tags["kink"] >= 30
    assert tags["tail"] >= 85
    assert tags["narrow"] >= 150
    assert tags["noise"] >= 12
    assert tags["edge"] >= 6


def _scaled(gradients, error, generator, one):
    """Return gradients with a relative error in all entries, or in the largest one of a random array."""
    parts = gradients if isinstance(gradients, tuple | list) else (gradients,)
    if not one:
        return tuple(None if v is None else np.asarray(v) * (1 + error) for v in parts)
    chosen = int(generator.integers(len(parts)))
    out = [None if v is None else np.array(v, copy=True) for v in parts]
    if out[chosen] is not None and out[chosen].size:
        where = np.unravel_index(int(np.argmax(np.abs(out[chosen]))), out[chosen].shape)
        out[chosen][where] *= 1 + error
    return tuple(out)


def _spoiled(case, error, *, one):
    """Return the report of a case whose derivative has an error."""
    which = case.vjp or case.grad

    def wrong(*arguments):
        return _scaled(which(*arguments), error, np.random.default_rng(0), one)

    return _examined(case, **{"vjp" if case.vjp else "grad": wrong})


@pytest.mark.deep
@pytest.mark.parametrize("library", ["scipy", "sklearn"])
@pytest.mark.parametrize("one", [False, True], ids=["all-entries", "one-entry"])
def test_an_error_above_the_resolution_never_passes(library, one):
    """The resolution is honest: 100 times as much in one entry, or 1e-3 in all where that is more, is not passed."""
    passed = []
    for case, report in survey(library):
        error = 100 * report.resolution if one else max(1e-3, 4 * report.resolution)
        if report.verdict != "pass" or case.accuracy or not 0 < error < 0.5:
            continue
        spoiled = _spoiled(case, error, one=one)
        if spoiled.verdict == "pass" and error > spoiled.resolution:
            passed.append(f"{case.name}: error {error:.1e}, {spoiled}")
    assert not passed, "\n".join(passed)


@pytest.mark.deep
def test_an_error_in_a_torch_function_never_passes():
    """The same for torch: the gradient is multiplied by 1.001 behind the function."""
    torch = pytest.importorskip("torch")

    by_a_thousandth = custom(lambda x: x.clone(), lambda g, x: g * 1.001)

    def louder(y):
        if isinstance(y, tuple | list):
            return tuple(louder(v) for v in y)
        return by_a_thousandth(y) if isinstance(y, torch.Tensor) and y.requires_grad else y

    passed = []
    for case, report in survey("torch"):
        if report.verdict != "pass" or report.resolution > 1e-4 or isinstance(case.f, torch.nn.Module) or "dict" in case.name:
            continue
        spoiled = _examined(type(case)(case.name, lambda *a, f=case.f: louder(f(*a)), case.inputs))
        if spoiled.verdict == "pass" and spoiled.resolution < 1e-3 and "empty" not in case.name:
            passed.append(f"{case.name}: {spoiled}")
    assert not passed, "\n".join(passed)
