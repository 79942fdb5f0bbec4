"""Pictures of learning and the page about it."""

import json
from pathlib import Path

import pytest

from gradcheck.learning import figures
from gradcheck.render.learning import landscape, losses, markdown, neuron, pictures, pictures_of, separations

REPORTS = Path(__file__).parents[2] / "reports"


@pytest.fixture(scope="module")
def data():
    """Return the stored figures."""
    return json.loads((REPORTS / "learning.json").read_text(encoding="utf-8"))


def test_the_page_is_that_of_the_figures(data):
    """The page that is kept is what is made of the figures that are kept, and every picture that it shows is there."""
    text = (REPORTS / "learning.md").read_text(encoding="utf-8")
    assert markdown(data) == text
    for file in pictures_of(data):
        assert f"({file})" in text
        assert (REPORTS / file).read_text(encoding="utf-8").startswith("<svg")


def test_what_is_missing_is_said():
    """Without a library its part is left out, with the reason."""
    found = dict.fromkeys(("xor", "curve", "curves", "digits", "separations", "steps"))
    found |= {"neuron": figures.linear_neuron(), "minima": figures.minima(), "depth": figures.by_depth(4, 4, 1), "missing": {"digits": "no such library"}}
    text = markdown(found)
    assert "not measured: digits: no such library" in text
    assert "learning-curves.svg" not in text
    assert "held back" not in text


def test_pictures(data):
    """Those whose figures are there are made, the same bytes each time, and text is text."""
    pytest.importorskip("matplotlib")
    found = pictures({k: data[k] for k in ("neuron", "depth")})
    assert list(found) == ["learning-neuron.svg", "learning-depth.svg"]
    assert neuron(data["neuron"]) == found["learning-neuron.svg"]
    assert "over the weights: a parabolic cylinder</text>" in found["learning-neuron.svg"]
    assert all(f">{name}</text>" in found["learning-depth.svg"] for name in figures.DEEP)


def test_single_pictures(data):
    """One run: an error over two weights, losses with gaps and held-back data, one comparison."""
    pytest.importorskip("matplotlib")
    assert ">w2</text>" in landscape(data["neuron"]["cylinder"])
    text = losses({"a": [1.0, None, 0.0, 0.5]}, [[0, 1.0], [3, 0.5]])
    assert ">held-back data</text>" in text
    assert losses({"a": [0.0, None]}).startswith("<svg")
    assert ">explained by rounding</text>" in separations(data["separations"][:1])
