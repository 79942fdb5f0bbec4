"""What foreign code can raise, by name: each is a function that raises."""

# ruff: noqa: N818, PLE0307 - nobody names these

import asyncio

import click
import numpy as np
import pytest

from gradcheck.errors import CannotExpress, GradcheckError, OutOfBudget, TargetFailed, UnknownName


class Own(Exception):
    """An exception of somebody else's."""


class OwnBase(BaseException):
    """One that `except Exception` does not see."""


class Mute(Exception):
    """One without a text."""

    def __str__(self):
        raise SystemExit(0)


class NoText(Exception):
    """One whose text is none."""

    def __str__(self):
        return 7


class Long(Exception):
    """One with a long text."""

    def __str__(self):
        return "x" * 3_000_000


class Derived(TargetFailed):
    """One that looks like ours."""

    def __str__(self):
        raise KeyboardInterrupt


class MuteArgument:
    """Whose text is none."""

    def __str__(self):
        raise OwnBase

    __repr__ = __str__


class Named(type):
    """A class without a name."""

    @property
    def __name__(cls):
        raise SystemExit(0)


class Nameless(Exception, metaclass=Named):
    """An exception of such a class."""


class Disguised(Exception):
    """One that raises when it is asked what it is."""

    @property
    def __class__(self):
        raise SystemExit(0)


class Placeless(type):
    """A class that is of no module."""

    def __getattribute__(cls, name):
        if name in ("__module__", "__mro__"):
            raise SystemExit(0)
        return super().__getattribute__(name)


class LikeOurs(TargetFailed, metaclass=Placeless):
    """A derived one of such a class."""


def _deep(n=0):
    return _deep(n + 1)


def _raising(error):
    def raises():
        raise error() if isinstance(error, type) else error

    return raises


RAISES = {
    "ValueError": _raising(ValueError("no")),
    "an own exception": _raising(Own("mine\nis broken")),
    "an own BaseException": _raising(OwnBase),
    "an exit with 0": _raising(SystemExit(0)),
    "an exit with 1": _raising(SystemExit(1)),
    "an exit with a text": _raising(SystemExit("bye")),
    "an interrupt of its own": _raising(KeyboardInterrupt),
    "GeneratorExit": _raising(GeneratorExit),
    "StopIteration": _raising(StopIteration),
    "CancelledError": _raising(asyncio.CancelledError),
    "a group": _raising(BaseExceptionGroup("several", [SystemExit(0), KeyboardInterrupt()])),
    "a skip of pytest": lambda: pytest.skip("not today"),
    "a text that raises": _raising(Mute),
    "no text": _raising(NoText),
    "a long text": _raising(Long),
    "a text of surrogates": _raising(ValueError("\ud800 \x1b[2J")),
    "a class without a name": _raising(Nameless),
    "like ours": _raising(Derived),
    "one that denies what it is": _raising(Disguised),
    "like ours, of no module": _raising(LikeOurs),
    "ours with an object": _raising(TargetFailed(MuteArgument())),
    "ours": _raising(TargetFailed("own words")),
    "another of ours": _raising(UnknownName("network", "x", [])),
    "the budget of ours": _raising(OutOfBudget("none is left")),
    "the base of ours": _raising(GradcheckError("some")),
    "an exit of click": _raising(click.exceptions.Exit(0)),
    "an abort of click": _raising(click.exceptions.Abort),
    "the end of a file": _raising(EOFError),
    "an error of the system": _raising(OSError(28, "No space left on device")),
    "no memory": lambda: np.zeros(2**62 // 8),
    "depth": _deep,
    "an exception whose cause is itself": _raising(Own),
}  # fmt: skip
UNSUPPORTED = _raising(CannotExpress("no form"))
