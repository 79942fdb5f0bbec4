"""The measurement of plans: every way gives the same gradient, and the ratios are numbers."""

import numpy as np

from gradcheck.bench.plan import CASES, timings, ways


def test_every_way_gives_the_same_gradient():
    """What is compared computes the same."""
    found = {name: run() for name, run in ways((3, 4, 2), 5).items()}
    loss = found["hand"][0]
    first = found["hand"][1][0]
    for name, (other, gradients, *_) in found.items():
        np.testing.assert_allclose(float(other), loss, rtol=1e-12, err_msg=name)
        g = gradients["w1"] if isinstance(gradients, dict) else gradients[0]
        np.testing.assert_allclose(np.asarray(g), first, rtol=1e-11, err_msg=name)


def test_timings():
    """Ratios with quartiles, for the case that is asked."""
    (row,) = timings([next(iter(CASES))], seconds=0.05, others=False)
    assert row.way == "plan"
    assert 0 < row.low <= row.ratio <= row.high
    assert row.microseconds > 0
