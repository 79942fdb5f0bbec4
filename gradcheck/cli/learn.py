"""``gradcheck learn``: train a network, with a target's gradients beside the reference's; verify steps of optimisers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.table import Table
from rich.text import Text

from gradcheck.cli.output import NEW_FILE, SEED, Output, as_json, console, finish, progress, showing_what_there_is, to_file
from gradcheck.errors import BadInput, MissingDependency
from gradcheck.files.writing import check
from gradcheck.graph.values import Arrays
from gradcheck.learning.comparison import compare
from gradcheck.learning.figures import report
from gradcheck.learning.landscape import drawable, landscape
from gradcheck.learning.marquardt import Marquardt
from gradcheck.learning.problems import Problem, digits
from gradcheck.learning.registry import checks
from gradcheck.learning.rules import RULES, label, rule_named
from gradcheck.learning.separation import Separation
from gradcheck.learning.steps import StepReport
from gradcheck.learning.stop import Stop
from gradcheck.learning.training import train
from gradcheck.learning.trajectory import Trajectory
from gradcheck.networks.network import Network, networks
from gradcheck.render.learning import landscape as drawn_landscape
from gradcheck.render.learning import losses, markdown, pictures, separations
from gradcheck.render.terminal import SIGNS, STYLES

#: The name under which digits of which some are held back are trained.
DIGITS = "digits"
MARQUARDT = "marquardt"

_FOLDER = click.Path(file_okay=False, exists=True, path_type=Path)


@click.command("learn")
@click.argument("network", required=False)
@click.option("--optimizer", type=click.Choice([*RULES, MARQUARDT]), help="The update rule.  [default: descent]")
@click.option("--rate", type=float, help="Learning rate.  [default: the rule's]")
@click.option("--decay", type=click.FloatRange(0), help="Weight decay, of parameters whose name does not begin with b.  [default: the rule's]")
@click.option("--steps", default=200, show_default=True, type=click.IntRange(1))
@click.option("--batch", type=click.IntRange(1), help="Examples a step.  [default: all]")
@click.option("--seed", default=0, show_default=True, type=SEED, help="Of values, batches and perturbations.")
@click.option("--goal", type=float, help="Stop at a loss of at most so much.")
@click.option("--target", metavar="TARGET", help="Train with its gradients, and compare with the reference in higher precision.")
@click.option("--dtype", help="Format of the target's training.  [default: float32]")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="For each answer of a target that is a program.  [default: 60]")
@click.option("--step", "step", metavar="STEP", help="Verify the steps of torch (all optimisers), or of module:attribute, as --optimizer.")
@click.option("--json", "json_file", type=NEW_FILE, help="Write everything as JSON.")
@click.option("--plot", "plot_file", type=NEW_FILE, help="Draw the run as SVG: the error with one or two parameters, else the loss (needs gradcheck[plot]).")
@click.option("--pictures", "folder", type=_FOLDER, help="Write the pictures of learning and a page with what was measured here.")
def learn_command(
    network: str | None, optimizer: str | None, rate: float | None, decay: float | None, steps: int, batch: int | None, seed: int,
    goal: float | None, target: str | None, dtype: str | None, timeout: float | None, step: str | None, json_file: Path | None,
    plot_file: Path | None, folder: Path | None,
) -> int:  # fmt: skip
    """Train NETWORK (see `gradcheck list networks`; "digits" holds some of 1,797 digits back).

    With --target: how many steps until rounding, or a fault, separates its training from the reference's. Exit status 1: a gradient, or a
    step of an optimiser, is wrong.
    """
    if sum(x is not None for x in (network, step, folder)) != 1:
        raise click.UsageError("expected one of NETWORK, --step STEP and --pictures FOLDER")
    if plot_file is not None or folder is not None:
        _need_plots()
    if folder is not None:
        return _pictures(folder, target or "torch")
    if step is not None:
        return _steps(step, optimizer, seed, json_file)
    problem = digits(seed) if network == DIGITS else _plain(networks[str(network)], seed)
    if target is not None:
        return _compared(problem, target, optimizer or "descent", rate, decay, dtype or "float32", timeout, steps, batch, seed, json_file, plot_file)
    if dtype is not None or timeout is not None:
        raise click.UsageError(f"{'--dtype' if dtype is not None else '--timeout'} needs --target")
    return _trained(problem, optimizer or "descent", rate, decay, steps, batch, seed, goal, json_file, plot_file)


def _plain(network: Network, seed: int) -> Problem:
    return Problem(network, network.values(seed))


def _need_plots() -> None:
    try:
        import matplotlib  # noqa: F401 - whether it is there, before any work
    except ImportError as error:
        raise MissingDependency("matplotlib", "plot") from error


def _biases(values: Arrays) -> tuple[str, ...]:
    return tuple(k for k in values if k.startswith("b"))


# -- training ----------------------------------------------------------------------------------------


def _trained(
    problem: Problem, optimizer: str, rate: float | None, decay: float | None, steps: int, batch: int | None, seed: int, goal: float | None,
    json_file: Path | None, plot_file: Path | None,
) -> int:  # fmt: skip
    if optimizer == MARQUARDT and not (rate is None and decay is None):
        raise BadInput("expected no --rate and no --decay with marquardt, which finds the length of its steps")
    rule = Marquardt() if optimizer == MARQUARDT else rule_named(optimizer, rate=rate, decay=decay)
    graph, stop = problem.network.graph, Stop(loss=goal, held_back=problem.held_back or None, every=max(1, steps // 20))
    shown = plot_file is not None and drawable(graph)
    with progress() as told:
        found = train(
            problem.network, problem.values, optimizer=rule, steps=steps, batch=batch, seed=seed, exempt=_biases(problem.values), stop=stop,
            progress=told, keep=shown,
        )  # fmt: skip
    accuracy = problem.accuracy(found.parameters) if problem.held_back else None
    name = "Marquardt()" if isinstance(rule, Marquardt) else label(rule)

    def drawn() -> str:
        return drawn_landscape(landscape(graph, problem.values, {name: found})) if shown else losses({name: found.losses}, found.held_back)

    data = {"schema": "gradcheck-training/1", "network": graph.name, "optimizer": name, "seed": seed, "batch": batch, "accuracy": accuracy}
    outputs = [(json_file, as_json(lambda: data | found.to_dict())), (plot_file, to_file(drawn))]
    return finish(0, lambda: _show_training(graph.name, name, found, accuracy), outputs)


def _show_training(network: str, rule: str, found: Trajectory, accuracy: float | None) -> None:
    made = Table("steps", "loss", "largest slope", title=f"{network}, {rule}", box=box.SIMPLE_HEAD, pad_edge=False)
    for k in sorted({0, *(2**k for k in range(found.steps.bit_length())), found.steps}):
        made.add_row(str(k), f"{found.losses[k]:.6g}", f"{found.slopes[k]:.3g}")
    out = console()
    out.print(made)
    out.print(f"{found.steps} steps: {found.reason}", markup=False)
    if accuracy is not None:
        out.print(f"{100 * accuracy:.1f} % of the held-back examples are classified right")


def _compared(
    problem: Problem, target: str, optimizer: str, rate: float | None, decay: float | None, dtype: str, timeout: float | None,
    steps: int, batch: int | None, seed: int, json_file: Path | None, plot_file: Path | None,
) -> int:  # fmt: skip
    if optimizer == MARQUARDT:
        raise BadInput("expected an update rule with --target; got marquardt, which takes Jacobians where targets give gradients")
    rule = rule_named(optimizer, rate=rate, decay=decay)
    with progress() as told:
        found = compare(
            problem.network, problem.values, target=target, optimizer=rule, dtype=dtype, steps=steps, batch=batch, seed=seed,
            exempt=_biases(problem.values), progress=told, timeout=timeout,
        )  # fmt: skip
    status = 1 if found.verdict == "fail" else 2 if found.stopped and not found.judged else 0
    data = {"schema": "gradcheck-separation/1", **found.to_dict()}
    return finish(status, lambda: _show_separation(found), [(json_file, as_json(lambda: data)), (plot_file, to_file(lambda: separations([found.to_dict()])))])


def _show_separation(found: Separation) -> None:
    title = f"{found.network}, {found.optimizer}: {found.target} {found.dtype} beside {found.reference}"
    made = Table("steps", "loss", "distance", "explained by rounding", title=title, box=box.SIMPLE_HEAD, pad_edge=False)
    marks = (found.apart, found.unexplained)
    for k in sorted({0, *(2**k for k in range(found.steps.bit_length())), found.steps, *(x for x in marks if x is not None)}):
        loss = "-" if found.stopped and k == found.steps else f"{found.losses[k]:.6g}"
        made.add_row(str(k), loss, f"{found.distances[k]:.2g}", f"{found.explained[k]:.2g}")
    out = console()
    out.print(made)
    after = f"after {found.apart} steps" if found.apart is not None else "never"
    if found.steps:
        out.print(f"apart by more than {100 * found.tolerance:g} %: {after}; {min(found.digits, 99):.1f} digits in common at the end")
    if found.stopped:
        out.print(Text(found.stopped))
    if found.message:
        out.print(Text(found.message))
    if found.diagnosis:
        out.print(Text(f"mistake: {found.diagnosis}"))
    text = f"{SIGNS[found.verdict]} {found.verdict}: {len(found.judged)} gradients judged on the way"
    out.print(Text(text, style=STYLES[found.verdict]))


# -- steps of optimisers -----------------------------------------------------------------------------


def _steps(name: str, optimizer: str | None, seed: int, json_file: Path | None) -> int:
    if optimizer == MARQUARDT:
        raise BadInput("expected an update rule; got marquardt, whose steps need residuals")
    found: list[StepReport] = []
    todo = list(checks(name, optimizer or "", seed=seed))
    with showing_what_there_is(lambda: _show_steps(found), lambda: f"{len(found)} of {len(todo)} checks", resumable=False), progress() as told:
        for k, (text, step_check) in enumerate(todo):
            told(text, k, len(todo))
            found.append(step_check())
    data = {"schema": "gradcheck-steps/1", "seed": seed, "reports": [r.to_dict() for r in found]}
    return finish(1 if any(r.verdict == "fail" for r in found) else 0, lambda: _show_steps(found), [(json_file, as_json(lambda: data))])


def _show_steps(found: Sequence[StepReport]) -> None:
    made = Table("", "optimiser", "rule", "dtype", "error / bound", "", box=box.SIMPLE_HEAD, pad_edge=False)
    for report_ in found:
        for r in report_.rows:
            sign = Text(SIGNS[r.verdict], style=STYLES[r.verdict]) if r.verdict != "skipped" else Text("-")
            made.add_row(sign, Text(report_.name), Text(r.rule), r.dtype, f"{r.ratio:.2g}", Text(r.message))
    out = console()
    out.print(made)
    for report_ in found:
        if report_.verdict == "fail":
            for said in report_.mistakes:
                out.print(Text(f"{report_.name}: mistake: {said}", style=STYLES["fail"]))


# -- the report --------------------------------------------------------------------------------------


def _pictures(folder: Path, target: str) -> int:
    check(folder / "learning.json")
    with progress() as told:
        data: Mapping[str, Any] = report(target, progress=told)
    drawn = pictures(data)
    outputs: list[Output] = [(folder / "learning.json", as_json(lambda: dict(data)))]
    outputs += [(folder / name, to_file(lambda text=text: text)) for name, text in drawn.items()]  # type: ignore[misc]
    outputs.append((folder / "learning.md", to_file(lambda: markdown(data))))

    def show() -> None:
        console().print(f"for {folder}: {', '.join(str(path.name) for path, _ in outputs if path)}", markup=False)
        for name, reason in data["missing"].items():
            console().print(f"not measured: {name}: {reason}", markup=False)

    return finish(0, show, outputs)
