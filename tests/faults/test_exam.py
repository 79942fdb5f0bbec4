"""The exam: what the checker makes of historical faults, and of what other checkers pass or reject."""

import numpy as np
import pytest

from gradcheck import check
from gradcheck.faults import faults

#: Faults that the check does not reject yet, with the reason; each is still no silent acceptance elsewhere.
OPEN = {
    "nan-input-times-seven": "f is not finite at the inputs: inconclusive",
}
NAMES = sorted(faults)
QUICK = NAMES[::4]


def _exam(name):
    fault = faults[name]
    rng = np.random.default_rng(NAMES.index(name))
    for inputs in (fault.ordinary(rng), fault.trigger(rng)):
        report = check(fault.f, inputs, vjp=fault.right)
        assert report.verdict != "fail", f"a right derivative was rejected: {report}"
    if fault.wrong is not None:
        report = check(fault.f, fault.trigger(rng), vjp=fault.doubted())
        wanted = {"inconclusive"} if name in OPEN else {"fail"}
        assert report.verdict in wanted, f"a wrong derivative was not rejected: {report}"


@pytest.mark.sweep(one_in=6)
@pytest.mark.parametrize("name", QUICK)
def test_right_accepted_and_wrong_rejected(name):
    """A quarter of the exam."""
    _exam(name)


@pytest.mark.deep
@pytest.mark.parametrize("name", sorted(set(NAMES) - set(QUICK)))
def test_the_rest_of_the_exam(name):
    """The other three quarters."""
    _exam(name)
