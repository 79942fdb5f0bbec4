"""`gradcheck.check`: is this function's derivative right?

The doubted derivative is compared along fresh signed directions: with the certified gradient of the traced function, with dual numbers, and
always with samples of f on a line. What differs beyond its error bars and has no excuse (`gradcheck.probe.excuses.excuses`) is found again in a fresh
direction, located by entries or by group testing, weighed by its worst entry, and named where the numbers show the mistake.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcheck.errors import BadInput, FunctionFailed, GradcheckError
from gradcheck.foreign import Interrupts, answer_of, undisturbed
from gradcheck.probe.answer import answer
from gradcheck.probe.examination.report import Report
from gradcheck.probe.explore.explore import Progress
from gradcheck.probe.kernel.check import check_kernel
from gradcheck.probe.question import Question
from gradcheck.probe.recorded_run import with_recorded_run
from gradcheck.probe.subject.belongings import left_as_found
from gradcheck.probe.subject.edge import readable
from gradcheck.probe.submodules import with_wrong_submodules
from gradcheck.probe.traced_mistake import with_traced_mistake


def check(
    f: Callable[..., Any],
    inputs: Any,
    *,
    vjp: Callable[..., Any] | None = None,
    grad: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    hvp: Callable[..., Any] | None = None,
    hessian: Callable[..., Any] | None = None,
    order: int = 1,
    explore: bool | str = False,
    domain: Any = None,
    seed: int = 0,
    budget: int | str | None = None,
    accuracy: float | None = None,
    progress: Progress | None = None,
    reference: Callable[..., Any] | None = None,
    reference_vjp: Callable[..., Any] | None = None,
    rounding: Any = None,
) -> Report:
    """Check the derivative of a function at a point.

    Args:
        f: the function. Arrays, or tuples, lists and dicts of arrays, in and out; it is called with the inputs as
            arguments.
        inputs: a tuple is the argument list, anything else is the one argument. Integers and booleans are never
            differentiated; arguments that are no arrays pass through.
        vjp: ``vjp(g, *inputs)`` -> one gradient an argument, None for one that is not differentiated; several outputs
            take a tuple g.
        grad: ``grad(*inputs)`` for a scalar f.
        jvp: ``jvp(t, *inputs)`` with a tuple t: checked to be the adjoint of the vjp.
        hvp: ``hvp(v, *inputs)`` with a tuple v: the Hessian of a scalar f times v, in the form of the inputs.
        hessian: ``hessian(*inputs)``: an array of shape ``(*x, *x)`` for one input, rows of such blocks for several.
        order: 2 checks second derivatives as well: double backward of torch, the gradient's own autodiff in JAX, else
            ``hvp`` or ``hessian`` (either of which implies it).
        explore: whether to vary the inputs as well: special values, indices, tails, cotangents, matrices with structure,
            cut-offs; every finding is shrunk. It takes thousands of evaluations; see ``budget``. Other shapes count where f is
            seen to be a function of single entries; "shapes" is for authors of operations, whose derivative has to hold for
            every shape that f takes.
        domain: where f is defined, for exploration: ``(low, high)`` with None for an open end, "positive", "probabilities"
            (nonnegative, each last axis sums to 1), "symmetric", "spd" (symmetric positive definite), or a function array ->
            bool; one for all floating-point arrays, or a tuple, one an argument, None for anything.
        seed: of directions and cotangents.
        budget: an int counts evaluations of f, "30s" is time. Exploration ends by itself after 20,000 evaluations or two
            minutes.
        accuracy: declares an approximate derivative (an adjoint solver, tf32): relative differences below it are no
            faults. It is recorded, and such a pass is never called exact.
        progress: is told the number of explored inputs and the name of the present one.
        reference: f is a kernel in float32, float16 or bfloat16, and this the slow function that it computes, in plain operations of its
            library: values and gradients are held against its exact ones at the kernel's own operands, with no tolerance. See
            docs/howto/kernels.md.
        reference_vjp: ``reference_vjp(g, result, *inputs)``: the backward pass of the reference as a paper writes it, where the kernel's
            reads its stored result.
        rounding: what the kernel rounds, a `gradcheck.Rounding` or its first word; found out unless given.

    Returns:
        A `Report`; it is inconclusive, with reasons, where the numbers do not decide.

    Raises:
        BadInput: nothing to differentiate, no derivative given, inputs outside the domain, or arrays whose numbers are only part
            of them (masked, structured).
        FunctionFailed: f raises at the given inputs, or the derivative has a wrong number of parts.

    >>> import numpy as np
    >>> x = np.array([1.0, 2.0])
    >>> check(lambda x: np.sum(x * x), x, vjp=lambda g, x: (2 * g * x,)).verdict
    'pass'
    >>> print(check(lambda x: np.sum(x**3), x, vjp=lambda g, x: (-3 * g * x * x,)).findings[0].diagnosis)
    sign: it is the negative of the right one
    """
    given = {"vjp": vjp, "grad": grad, "jvp": jvp, "hvp": hvp, "hessian": hessian}
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    with undisturbed(), Interrupts(), left_as_found([f, *given.values()]):
        readable(arguments)
        question = Question(f, arguments, given, order, explore, seed, budget, accuracy, progress, domain)
        if reference is not None:
            return _with_reference(question, reference, reference_vjp, rounding)
        if reference_vjp is not None or rounding is not None:
            raise BadInput("expected reference= with reference_vjp= or rounding=: they say how a kernel computes it; got none")
        return answer_of(
            lambda: with_recorded_run(question, with_wrong_submodules(question, with_traced_mistake(question, answer(question)))),
            who="the check", failure=FunctionFailed, passing=(GradcheckError,),
        )


def _with_reference(question: Question, reference: Callable[..., Any], reference_vjp: Callable[..., Any] | None, rounding: Any) -> Report:
    """Return the report of the gate for kernels; raise `BadInput` for options that say nothing of a kernel."""
    given = {**question.given, **{k: getattr(question, k) or None for k in ("explore", "budget", "accuracy")}, "domain": question.domain}
    unfit = [k for k, v in given.items() if v is not None and k != "vjp"] + (["order"] if question.order != 1 else [])
    if unfit:
        raise BadInput(f"expected no {unfit[0]}= beside reference=: a kernel is held against its reference's own values and gradients")
    return check_kernel(question.f, question.arguments, question.given.get("vjp"), reference, reference_vjp, rounding, question.seed, question.owner)
