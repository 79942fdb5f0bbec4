"""One factor, and the names of numbers, on either side of what tells them from accidents."""

import numpy as np
import pytest

from gradcheck.mistakes.factor import factor, number

E = np.array([1.0, -2.0, 3.0, 0.5])


def text(found):
    """Return what is said, "" where nothing is."""
    return "" if found is None else str(found)


@pytest.mark.parametrize(("errors", "named"), [(10, True), (25, False)])
def test_numbers_are_reproduced_within_some_bars(errors, named):
    """The bars are of the right numbers; twice of them err twice as much."""
    got = 2 * E + np.array([0.0, 0.0, 0.0, 2 * errors * 1e-9])
    assert ("2 times" in text(factor(got, E, np.full(4, 1e-9)))) is named


@pytest.mark.parametrize(("rest", "named"), [(0.05, True), (0.15, True), (0.5, False)])
def test_most_of_the_difference_has_to_be_explained(rest, named):
    """What is left is less than a tenth of it, however wide the bars are."""
    assert (factor(2 * E + rest * np.array([0.0, 0.0, 3.0, 0.0]) * 1.2, E, np.full(4, 1.0)) is not None) is named


@pytest.mark.parametrize(("entries", "named"), [(2, False), (3, True)])
def test_a_factor_without_a_name_is_shown_by_three_entries(entries, named):
    """Two are proportional by accident; a plain one needs no more."""
    assert (factor(1.2346 * E[:entries], E[:entries], np.full(entries, 1e-9)) is not None) is named
    assert "2 times" in text(factor(2 * E[:entries], E[:entries], np.full(entries, 1e-9)))


@pytest.mark.parametrize(("c", "unit", "named"), [(1 + 4e-8, 6e-8, False), (1 + 1e-6, 6e-8, True)])
def test_nothing_below_the_rounding_of_a_format_is_a_factor(c, unit, named):
    """Half an ulp of float32 is none."""
    assert (factor(c * E, E, np.full(4, 1e-12), unit=unit) is not None) is named


@pytest.mark.parametrize(
    ("c", "near", "sizes", "said"),
    [
        (2 ** 0.5, 1e-5, (), "sqrt(2)"), (2 ** 0.5, 1e-2, (), ""), (7.0, 1e-5, (7,), "7"), (1 / 7, 1e-2, (7,), "1/7"),
        (0.97, 1e-6, (), "0.97"), (0.97, 1e-3, (), ""), (0.75, 1e-6, (), "3/4"), (-0.5, 1e-2, (), "-1/2"), (1.2391845, 1e-6, (), ""),
        (2.5, 1e-3, (), "5/2"), (2.37, 1e-6, (), ""), (0.85, 1e-6, (), "17/20"),
    ],
)  # fmt: skip
def test_names_are_no_accidents(c, near, sizes, said):
    """A number that is known to few digits has a name only if few numbers have one."""
    found = number(c, near, sizes)
    assert (found.text if found else "") == said


@pytest.mark.parametrize(("off", "named"), [(6e-6, True), (2e-5, False)])
def test_how_near_a_plain_number_is(off, named):
    """A quotient of sums in float32 is off by less than 1e-5; what is off by twice as much is another number."""
    assert (number((1 + off) / 3) is not None) is named


@pytest.mark.parametrize(("c", "named"), [(2.0, True), (4.0, True), (5.0, False)])
def test_usual_numbers_are_named_where_little_is_known(c, named):
    """To a percent 2 and 4 are factors that people make, 5 may be an accident."""
    assert (number(c, 0.01) is not None) is named


@pytest.mark.parametrize(("off", "fitted"), [(6e-4, True), (1e-3, False)])
def test_a_factor_next_to_one_is_fitted(off, fitted):
    """The smallest factor that is a known mistake is 1.001; what is nearer to 1 is the size of a difference."""
    assert factor((1 + off) * E, E, np.full(4, 1e-9)).is_fitted is fitted
    assert ("every entry is 1 + " in text(factor((1 + off) * E, E, np.full(4, 1e-9)))) is fitted
