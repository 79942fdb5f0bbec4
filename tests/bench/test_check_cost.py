"""What a check costs: evaluations are counted, and do not grow with the inputs."""

import json
from importlib.util import find_spec

from gradcheck.bench.check_cost import Cost, as_data, costs

TORCH = find_spec("torch") is not None


def test_evaluations_do_not_grow():
    """At most 60 and 12 an input array, at ten entries and at three thousand."""
    found = list(costs([10, 3000]))
    assert len(found) == 2 * (3 if TORCH else 2)
    for c in found:
        assert c.verdict == "pass"
        assert 0 < c.evaluations <= 60 + 12 * c.arrays
        assert c.seconds > 0
        assert c.torch_seconds is None
        assert c.ratio is None


def test_torch_beside_it():
    """At 100 entries torch evaluates f twice an entry."""
    for c in costs([100]):
        if TORCH:
            assert c.torch_evaluations >= 2 * 100
            assert c.ratio > 0


def test_data():
    """Everything is plain, the ratio too."""
    data = json.loads(json.dumps(as_data([Cost("f", 10, 1, "pass", 0.5, 50, 1.0, 20)])))
    assert data["schema"] == "gradcheck-check-cost/1"
    assert data["rows"][0]["ratio"] == 2
