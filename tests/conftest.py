"""How much runs: samples of sweeps by default, everything under `deep`; Hypothesis profiles, derandomised; a failure prints how to reproduce it."""

import os
from zlib import crc32

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

_COMMON = {"deadline": None, "print_blob": True, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("ci", derandomize=True, max_examples=50, database=None, **_COMMON)
settings.register_profile("deep", derandomize=True, max_examples=1000, database=None, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser):
    """Add what a sample of the deep tests is asked for by."""
    parser.addoption("--one-in", type=int, default=1, metavar="N", help="Of the deep tests, run those whose name's hash is a multiple of N.")


def _hash(item):
    """Return a number that a case has in every session: that of its name."""
    return crc32(item.nodeid.encode())


def _kept(item, names):
    """Return what a sweep has at least one case of: its test, and each entry of the registries that it is over."""
    values = [item.callspec.params[name] for name in names]
    return [item.function, *((item.function, getattr(x, "name", x)) for x in values)]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Make deep what a sweep leaves out: it keeps one case in so many, and of every entry of its registry the one with the least hash.

    ``@pytest.mark.sweep("op", one_in=10)`` stands on a test with a parameter ``op``, each value of which is kept once.
    """
    least = {}
    sweeps = [(item, mark) for item in items if (mark := item.get_closest_marker("sweep"))]
    for item, mark in sweeps:
        for key in _kept(item, mark.args):
            least[key] = min(least.get(key, _hash(item)), _hash(item))
    for item, mark in sweeps:
        if _hash(item) % mark.kwargs["one_in"] and all(least[key] < _hash(item) for key in _kept(item, mark.args)):
            item.add_marker(pytest.mark.deep)
    left_out = [x for x in items if x.get_closest_marker("deep") and _hash(x) % config.getoption("--one-in")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [x for x in items if x not in set(left_out)]


@pytest.fixture(scope="session", autouse=True)
def shipped_vectors_are_read_once():
    """Read the shipped test vectors once a session: 4.6 MB that nothing changes."""
    from gradcheck.cli import vectors as command
    from gradcheck.vectors import verification
    from gradcheck.vectors.reading import load
    from tests.vectors.sets import shipped

    with pytest.MonkeyPatch.context() as patch:
        for module in (verification, command):
            patch.setattr(module, "load", lambda path=None: shipped() if path is None else load(path))
        yield
