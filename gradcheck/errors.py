"""Every exception of gradcheck. Each message says what was expected, what came, and the remedy.

::

    GradcheckError
    +-- BadInput (ValueError)          something the caller gave cannot be used
    |   +-- UnknownDtype
    |   +-- UnknownName                an op, network, target, oracle or value that is not there
    |   +-- BadGraph                   a graph that breaks its rules
    |   |   +-- BadShape               operands whose shapes do not fit the operation
    |   |   +-- BadAttribute
    |   +-- BadValues                  values that do not fit the graph
    |   +-- BadDocument                a file that is not a graph document
    |   +-- BadVectors                 test vectors that are damaged, or in another format
    |   +-- BadSettings                [tool.gradcheck] in pyproject.toml with a wrong value
    |   +-- ControlFlow                traced code asked a value for its truth
    |   +-- NotTraceable               traced code used what has no graph form
    |   +-- NotRecorded                a program that cannot be recorded, or a recording that is not complete
    |   +-- NoResiduals                a loss that is no sum of squares, where residuals are needed
    +-- NotInThisArithmetic            a number system without the function asked for
    +-- OracleGaveUp                   an oracle that cannot answer here, with its reason
    +-- TargetFailed                   a target that raised or answered badly
    |   +-- CannotExpress              a target that has no form for the network
    |   +-- WrongAnswer                a target whose loss or gradients are missing, or of other shapes
    +-- FunctionFailed                 a function under test that answered badly
    |   +-- FunctionRaised             one that raised
    +-- PlanInUse (RuntimeError)       a plan that is called while it is being called
    +-- OutputFailed                  a file of results that cannot be written
    +-- OutOfBudget                    no evaluation is left; what was found so far is kept
    +-- MeasurementFailed              a measurement whose process died
    |   +-- MeasurementStopped         one that took too long
    +-- GradientWrong (AssertionError) what Report.raise_if_failed raises
    +-- StepWrong (AssertionError)     what StepReport.raise_if_failed raises
    +-- MissingDependency (ImportError)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

#: Characters of a message: what was given may be a file in itself, and what to do about it stands at the end.
MOST_TEXT = 2000


def shortened(text: str, most: int = MOST_TEXT) -> str:
    """Return a text of so many characters at most: the beginning and the end of a longer one, and how long it is.

    >>> shortened("x" * 300, 40)
    'xxxxxxxxxx... (300 characters) ...xxxxx'
    """
    if len(text) <= most:
        return text
    middle = f"... ({len(text)} characters) ..."
    rest = max(most - len(middle), 0)
    return f"{text[: rest - rest // 3]}{middle}{text[len(text) - rest // 3 :]}"


class GradcheckError(Exception):
    """Base of all errors raised on purpose by gradcheck."""

    def __str__(self) -> str:
        return shortened(Exception.__str__(self))  # KeyError, which some are too, would put it in quotes


#: Characters of a name that is looked up, and names that it is compared with: difflib takes the product of two lengths,
#: some two seconds for all these if they are alike.
MOST_CHARACTERS, MOST_COMPARED = 80, 2048


class BadInput(GradcheckError, ValueError):
    """The caller gave something that cannot be used."""


class UnknownDtype(BadInput):
    """A floating-point format that gradcheck does not know."""

    def __init__(self, got: object, known: Iterable[str], remedy: str = "") -> None:
        super().__init__(f"expected a dtype out of {', '.join(known)}; got {got!r}{'; ' if remedy else ''}{remedy}")


class UnknownName(BadInput, KeyError):
    """A name that is not in a registry or mapping; the nearest known one is suggested.

    It is a KeyError too, so that ``name in mapping`` works.
    """

    def __init__(self, what: str, got: object, known: Iterable[str]) -> None:
        names, text = sorted(known), shortened(str(got), MOST_CHARACTERS)
        close = difflib.get_close_matches(text, [x for x in names if len(x) <= MOST_CHARACTERS][:MOST_COMPARED], n=1)
        hint = f"; did you mean {close[0]!r}?" if close else f"; known: {_some(names)}"
        super().__init__(f"no {what} named {text!r}{hint}")


class BadGraph(BadInput):
    """A graph that breaks its rules: arity, order, names, cycles."""


class BadShape(BadGraph):
    """Operands whose shapes do not fit the operation."""

    def __init__(self, op: str, expected: str, got: object) -> None:
        super().__init__(f"{op}: expected {expected}; got {got}")


class BadAttribute(BadGraph):
    """An attribute that the operation does not have or cannot use."""


class BadValues(BadInput):
    """Values that do not fit the graph: missing, unknown, of a wrong shape or type."""


class BadDocument(BadInput):
    """Text that is not a valid graph document."""


class BadVectors(BadInput):
    """Test vectors that are damaged, incomplete, or in another format."""


class BadSettings(BadInput):
    """Settings in pyproject.toml that cannot be read."""


class ControlFlow(BadInput, TypeError):
    """Traced code branched on a value; a graph has one shape for all values."""

    def __init__(self) -> None:
        super().__init__(
            "expected code whose path does not depend on the numbers; got a branch (if, while, "
            "and, or, bool(), int(), float()) on a traced value; use gradcheck.ops.where, maximum "
            "or clip instead"
        )


class NotTraceable(BadInput, TypeError):
    """Traced code used an operation that has no graph form."""


class NotRecorded(BadInput):
    """A program of which no run can be recorded here, or a recording that is not complete."""


class NoResiduals(BadInput):
    """A loss that is no sum of squares, where an optimiser needs residuals."""


class NotInThisArithmetic(GradcheckError, NotImplementedError):
    """The number system does not have the function."""

    def __init__(self, function: str, arithmetic: str) -> None:
        super().__init__(f"{function} does not exist in the arithmetic {arithmetic}")


class OracleGaveUp(GradcheckError):
    """An oracle cannot answer for this graph or point; the message is its reason."""


class TargetFailed(GradcheckError):
    """A target raised, or answered with something that is no Run."""


class CannotExpress(TargetFailed):
    """The target has no form for this network; the message is its reason."""


class WrongAnswer(TargetFailed):
    """The target answered, and its loss or a gradient is missing or has another shape than its parameter; `diagnosis` names the mistake."""

    def __init__(self, message: str, diagnosis: str = "") -> None:
        super().__init__(message)
        self.diagnosis = diagnosis


class FunctionFailed(GradcheckError):
    """The function under test, or its derivative, raised or answered badly."""


class FunctionRaised(FunctionFailed):
    """The function under test, or its derivative, raised."""


class DerivativeRaised(FunctionRaised):
    """It was the derivative that raised."""


class PlanInUse(GradcheckError, RuntimeError):
    """A plan was called while it was being called; its buffers belong to one call at a time."""

    def __init__(self) -> None:
        super().__init__("expected one call of a plan at a time; it is being called already; give each thread a plan.copy()")


class OutputFailed(GradcheckError):
    """A file of results that cannot be written."""


class OutOfBudget(GradcheckError):
    """No evaluation is left."""


class MeasurementFailed(GradcheckError):
    """A measurement that took too long, or whose process died."""


class MeasurementStopped(MeasurementFailed):
    """A measurement that took too long."""


class GradientWrong(GradcheckError, AssertionError):
    """A derivative failed its check; the message is the report."""

    __str__ = Exception.__str__


class StepWrong(GradcheckError, AssertionError):
    """A step of an optimiser failed its check; the message is the report."""

    __str__ = Exception.__str__


class MissingDependency(GradcheckError, ImportError):
    """An optional library is not installed."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(f"{library} is not installed; install it with: pip install 'gradcheck[{extra}]'")


def _some(names: list[str], limit: int = 12) -> str:
    return ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")
