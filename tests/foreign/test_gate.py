"""The gate by itself: what passes, what becomes an error of ours, what is put back."""

import os
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from gradcheck.errors import BadGraph, BadInput, CannotExpress, FunctionFailed, GradientWrong, TargetFailed, UnknownName
from gradcheck.foreign import Interrupts, answer_of, array_of, attribute_at, text_of, undisturbed
from tests.foreign.raising import RAISES, Derived


def _raise(error):
    raise error


@pytest.mark.parametrize("name", RAISES)
def test_everything_that_is_raised_is_an_error_of_ours(name):
    """With a text of limited length; the text can be written."""
    with pytest.raises(TargetFailed) as caught:
        answer_of(RAISES[name])
    assert type(caught.value) is TargetFailed
    assert len(str(caught.value).encode()) < 3000


def test_what_passes():
    """Errors of the class that was asked for, and of those that are named; none that is derived from them elsewhere."""
    for error in (TargetFailed("a"), CannotExpress("b")):
        with pytest.raises(type(error), match=str(error)):
            answer_of(lambda error=error: _raise(error))
    with pytest.raises(BadInput):
        answer_of(lambda: _raise(BadInput("c")), failure=FunctionFailed, passing=(BadInput,))
    with pytest.raises(TargetFailed, match="raised UnknownName"):
        answer_of(lambda: _raise(UnknownName("op", "x", [])))
    with pytest.raises(TargetFailed, match="raised Derived: an object without a text"):
        answer_of(lambda: _raise(Derived()))


def test_the_place_is_that_of_the_foreign_code():
    """File and line of where it was raised; nothing where no foreign code was reached."""
    line = _raise.__code__.co_firstlineno + 1
    with pytest.raises(TargetFailed, match=rf"the target raised KeyError: 'a' \(test_gate.py:{line}\)"):
        answer_of(lambda: _raise(KeyError("a")))


def _typed():
    signal.raise_signal(signal.SIGINT)


def _swallowed():
    try:
        _typed()
    except KeyboardInterrupt:
        return 7


def _disguised():
    try:
        _typed()
    except KeyboardInterrupt:
        raise ValueError from None


@pytest.mark.parametrize("act", [_typed, _swallowed, _disguised])
def test_an_interrupt_of_the_user_goes_through(act):
    """Whatever the code makes of it; the handler is the one that was there."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        answer_of(act)
    assert signal.getsignal(signal.SIGINT) is before
    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt):
            answer_of(lambda: answer_of(act))
        assert interrupts.typed == 1
        assert answer_of(lambda: 7) == 7
        with pytest.raises(TargetFailed, match="KeyboardInterrupt"):
            answer_of(lambda: _raise(KeyboardInterrupt))


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no such signal")
def test_signals_that_end_a_command():
    """They interrupt as Ctrl-C does, through whatever foreign code makes of it; one that is ignored or handled already is left alone."""
    before = [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGHUP)]
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts(signal.SIGTERM, signal.SIGHUP) as interrupts:
            signal.raise_signal(signal.SIGHUP)
            with pytest.raises(KeyboardInterrupt), undisturbed():
                answer_of(lambda: answer_of(lambda: signal.raise_signal(signal.SIGTERM)))
            with undisturbed():
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            assert signal.getsignal(signal.SIGTERM) is interrupts
            assert (interrupts.typed, interrupts.last) == (1, signal.SIGTERM)
    finally:
        signal.signal(signal.SIGHUP, ignored)
    assert [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGHUP)] == before


def test_where_no_interrupt_can_come(monkeypatch):
    """Where SIGINT is ignored, or in another thread, every KeyboardInterrupt is foreign."""
    found = []

    def caught():
        try:
            answer_of(lambda: _raise(KeyboardInterrupt))
        except TargetFailed as error:
            found.append(str(error))

    thread = threading.Thread(target=caught)
    thread.start()
    thread.join()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        caught()
    finally:
        signal.signal(signal.SIGINT, before)
    assert [x.partition(" (")[0] for x in found] == ["the target raised KeyboardInterrupt"] * 2


def test_texts():
    """Never too long, never more than can be written, never an error."""
    assert text_of(5) == "5"
    assert text_of("x" * 10**6).endswith("x" * 600)
    assert len(text_of("x" * 10**6)) == 2000
    assert text_of("\ud800") == "\\ud800"
    assert text_of(Derived()) == "an object without a text"


def test_arrays():
    """A copy in its own format; what is masked or has fields is refused."""
    x = np.arange(3.0)
    found = array_of(x, "it")
    found[0] = 7
    assert x[0] == 0
    assert array_of(np.float32(1), "it").dtype == np.float32
    for bad in (np.ma.array(x), np.zeros(2, [("a", float)])):
        with pytest.raises(BadInput, match="it: expected plain numbers"):
            array_of(bad, "it", failure=FunctionFailed, refusal=BadInput)


def _disturb(folder):
    np.asarray = None
    sys.setrecursionlimit(sys.getrecursionlimit() - 1)
    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise ValueError("on purpose")


def test_what_is_put_back(tmp_path):
    """Names, the depth of recursion, the folder, the handler of interrupts: after an error as well."""

    def state():
        return np.asarray, sys.getrecursionlimit(), Path.cwd(), signal.getsignal(signal.SIGINT)

    before = state()
    with pytest.raises(ValueError, match="on purpose"), undisturbed():
        _disturb(tmp_path)
    assert state() == before


def test_the_current_folder(tmp_path, monkeypatch):
    """It is on the path while a module is looked for, and stays there if the module lies in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "lies_here_1.py").write_text("def late():\n    import lies_here_2\n    return lies_here_2.x\n")
    (tmp_path / "lies_here_2.py").write_text("x = 5")
    before = list(sys.path)
    attribute_at("json:loads", failure=TargetFailed)
    with pytest.raises(TargetFailed, match="No module named 'lies_nowhere'"):
        attribute_at("lies_nowhere:x", failure=TargetFailed)
    assert sys.path == before
    assert attribute_at("lies_here_1:late", failure=TargetFailed)() == 5
    assert sys.path == [*before, str(tmp_path)]
    for name in ("lies_here_1", "lies_here_2"):
        del sys.modules[name]


def test_messages_are_of_limited_length():
    """What was given may be a file in itself: the beginning is shown, and what to do about it; a report is shown whole."""
    text = f"expected a name; got {'x' * 10**6!r}; give another one"
    for kind in (BadInput, TargetFailed, BadGraph):
        said = str(kind(text))
        assert len(said) <= 2000
        assert said.startswith("expected a name")
        assert said.endswith("give another one")
    assert str(GradientWrong(text)) == text
    with pytest.raises(UnknownName) as caught:
        raise UnknownName("op", "x" * 10**6, ["tanh"])
    assert len(str(caught.value)) <= 2000
