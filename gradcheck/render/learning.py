"""Pictures of learning, and the page about it. Reads results only."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

from gradcheck.render.cost import number
from gradcheck.render.html import templates

Data = Mapping[str, Any]

#: Colours that people who see few of them tell apart (Okabe and Ito 2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
_GREY = "#999999"


def markdown(data: Data) -> str:
    """Return the page, with links to the pictures beside it.

    Args:
        data: of `gradcheck.learning.figures.report`.
    """
    return templates().get_template("learning.md.j2").render(data=data, cell=number, drawn=pictures_of(data))


def pictures_of(data: Data) -> dict[str, str]:
    """Return the pictures that the data holds: name of the file -> what it shows."""
    known = {
        "neuron": ("learning-neuron.svg", "The parabola and the parabolic cylinder of the linear neuron, with the way of descent"),
        "minima": ("learning-minima.svg", "The error over one weight, with ways into the global minimum, a local minimum and a plateau"),
        "depth": ("learning-depth.svg", "The size of delta by layer in deep networks: vanishing, kept, exploding"),
        "curves": ("learning-curves.svg", "The loss of XOR by gradient descent and by Levenberg-Marquardt"),
        "separations": ("learning-separation.svg", "How far float32 training is from training in 40 digits, and how far rounding explains it"),
    }
    return {file: text for key, (file, text) in known.items() if data.get(key)}


def pictures(data: Data) -> dict[str, str]:
    """Return the pictures: name of the file -> SVG.

    Args:
        data: of `gradcheck.learning.figures.report`.

    Raises:
        ImportError: without matplotlib (`pip install 'gradcheck[plot]'`).
    """
    draw: dict[str, Callable[[], str]] = {
        "learning-neuron.svg": lambda: neuron(data["neuron"]), "learning-minima.svg": lambda: landscape(data["minima"]["drawn"]),
        "learning-depth.svg": lambda: depth(data["depth"]), "learning-curves.svg": lambda: losses(data["curves"]["losses"]),
        "learning-separation.svg": lambda: separations(data["separations"]),
    }  # fmt: skip
    return {file: draw[file]() for file in pictures_of(data)}


def neuron(data: Data) -> str:
    """Return the error of the linear neuron over its output, and over both weights."""

    def draw(figure: Any) -> None:
        _line(figure.add_subplot(1, 2, 1, title="over the output: a parabola"), data["parabola"])
        axes = figure.add_subplot(1, 2, 2, projection="3d", title="over the weights: a parabolic cylinder")
        axes.plot(*zip(*data["line"], strict=True), [0.0, 0.0], color="black", linewidth=1.0)  # the line of minima
        _surface(axes, data["cylinder"])

    return _svg(draw, (9.0, 4.2))


def landscape(data: Data) -> str:
    """Return the error over one parameter or two, with the ways of descent.

    Args:
        data: of `gradcheck.learning.landscape`.
    """

    def draw(figure: Any) -> None:
        if len(data["axes"]) == 1:
            axes = figure.add_subplot()
            _line(axes, data)
            if len(data["ways"]) > 1:
                axes.legend(frameon=False)
        else:
            _surface(figure.add_subplot(projection="3d"), data)

    return _svg(draw, (6.5, 4.2))


def depth(data: Data) -> str:
    """Return the sizes of the layers' deltas."""

    def draw(figure: Any) -> None:
        axes = figure.add_subplot(yscale="log", xlabel="layer, from the input", ylabel="delta, in terms of the last layer's")
        for colour, (label, sizes) in zip(COLOURS, data["sizes"].items(), strict=True):
            axes.plot(range(1, len(sizes) + 1), sizes, color=colour, marker="o", markersize=2.5, linewidth=1.4, label=label)
        axes.grid(alpha=0.3)
        figure.legend(loc="outside right center", frameon=False)

    return _svg(draw, (7.5, 4.2))


def losses(data: Data, held_back: Any = ()) -> str:
    """Return losses over steps.

    Args:
        data: losses by label.
        held_back: (step, loss) of held-back data.
    """

    def draw(figure: Any) -> None:
        axes = figure.add_subplot(xlabel="steps", ylabel="loss")
        for colour, (label, found) in zip(COLOURS, data.items(), strict=False):
            axes.plot(range(len(found)), [x if x is not None and x > 0 else float("nan") for x in found], color=colour, linewidth=1.4, label=label)
        if held_back:
            axes.plot([k for k, _ in held_back], [x for _, x in held_back], color="black", linewidth=1.4, label="held-back data")
        if any(x is not None and x > 0 for found in data.values() for x in found):
            axes.set_yscale("log")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)

    return _svg(draw, (6.5, 4.2))


def separations(data: Any) -> str:
    """Return a panel for each comparison: the distance, and how far rounding explains it.

    Args:
        data: of `Separation.to_dict`, several of them.
    """

    def draw(figure: Any) -> None:
        columns = min(3, len(data))
        for k, s in enumerate(data):
            axes = figure.add_subplot(-(-len(data) // columns), columns, k + 1, title=f"{s['network']}\n{s['optimizer']}", yscale="log", xlabel="steps")
            for key, colour, label in (("distances", COLOURS[0], f"{s['target']} {s['dtype']}"), ("explained", _GREY, "explained by rounding")):
                found = [x if x else float("nan") for x in s[key]]
                axes.plot(range(len(found)), found, color=colour, linewidth=1.4, label=label)
            axes.axhline(s["tolerance"], color="black", linewidth=0.8, linestyle=":")
            axes.set_ylim(bottom=min((x for x in s["explained"] if x), default=1e-16) / 1e3)  # a first step may be nearly exact
            axes.grid(alpha=0.3)
            if k == 0:
                axes.set_ylabel("distance over largest parameter")
                axes.legend(frameon=False, fontsize="small")

    return _svg(draw, (4.0 * min(3, len(data)) + 0.4, 3.4 * -(-len(data) // min(3, len(data)))))


# -- parts -------------------------------------------------------------------------------------------


def _line(axes: Any, data: Data) -> None:
    """Draw the error over one number."""
    axes.plot(data["axes"][0], data["errors"], color=_GREY, linewidth=1.4)
    for colour, way in zip(COLOURS, data["ways"], strict=False):
        at = [x[0] for x in way["at"]]
        axes.plot(at, way["errors"], color=colour, marker="o", markersize=3, linewidth=0.9, label=way["label"])
        axes.plot(at[-1:], way["errors"][-1:], color=colour, marker="*", markersize=11)
    axes.set(xlabel=data["names"][0], ylabel="error")
    axes.grid(alpha=0.3)


def _surface(axes: Any, data: Data) -> None:
    """Draw the error over two numbers: every second line of the grid."""
    (first, second), errors = data["axes"], data["errors"]
    for k in range(0, len(first), 2):
        axes.plot([first[k]] * len(second), second, errors[k], color=_GREY, linewidth=0.5)
    for k in range(0, len(second), 2):
        axes.plot(first, [second[k]] * len(first), [row[k] for row in errors], color=_GREY, linewidth=0.5)
    for colour, way in zip(COLOURS, data["ways"], strict=False):
        x, y = zip(*way["at"], strict=True)
        axes.plot(x, y, way["errors"], color=colour, marker="o", markersize=3, linewidth=0.9)
        axes.plot(x[-1:], y[-1:], way["errors"][-1:], color=colour, marker="*", markersize=11)
    axes.set(xlabel=data["names"][0], ylabel=data["names"][1], zlabel="error")
    axes.view_init(elev=28, azim=-115)


def _svg(draw: Callable[[Any], None], size: tuple[float, float]) -> str:
    """Return what is drawn on a figure: text stays text, the same bytes each time."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "gradcheck", "font.size": 9, "font.family": "sans-serif", "axes.titlesize": 9}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": "gradcheck"})
    text = stream.getvalue()
    return text[text.index("<svg") :]
