"""A program that is asked in lines: every question ends, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gradcheck.errors import TargetFailed
from gradcheck.targets.program import Program, printable, shown


def python(code, **options):
    """Return a running Python program."""
    return Program([sys.executable, "-I", "-S", "-c", f"import os, sys, time\n{code}"], **options)


def failure(code, line=b"a question", seconds=30.0, **options):
    """Return what is said of a program that does not answer."""
    with pytest.raises(TargetFailed) as caught:
        python(code, **options).ask(line, seconds)
    return str(caught.value)


ECHO = "for line in sys.stdin: print(line.strip()[::-1], flush=True)"


def test_questions_and_answers():
    """One line each, as often as one likes."""
    program = python(ECHO)
    assert [program.ask(x, 30.0) for x in (b"abc", b"", b"de") if x] == [b"cba", b"ed"]
    program.close()
    program.close()


def test_blank_lines_and_carriage_returns_do_not_matter():
    """A program of another system, or one that likes space."""
    program = python("for line in sys.stdin: sys.stdout.buffer.write(b'\\n \\r\\nyes\\r\\n\\n'); sys.stdout.flush()")
    assert [program.ask(b"?", 30.0) for _ in range(3)] == [b"yes"] * 3
    program.close()


def test_large_lines_at_once():
    """A program that writes much before it reads much blocks nobody, whatever it says beside."""
    size = 3_000_000
    program = python(f"sys.stderr.write('e' * {size}); print('x' * {size}, flush=True); print(len(sys.stdin.readline()), file=sys.stderr)")
    while program._lines.empty():  # unasked, so that it fills its pipe first
        time.sleep(0.01)
    line = program._lines.get()
    assert len(line) == size + 1
    with pytest.raises(TargetFailed, match=f"exited with status 0 without an answer; .*{size + 1}"):
        program.ask(b"y" * size, 30.0)


@pytest.fixture
def impatient(monkeypatch):
    """Less grace for programs that will not use it."""
    monkeypatch.setattr("gradcheck.targets.program.GRACE", 0.3)


SAID = {
    "exits": ("sys.stdin.readline(); sys.exit(3)", "exited with status 3 without an answer"),
    "crashes": (f"sys.stdin.readline(); os.kill(os.getpid(), {int(signal.SIGSEGV)})", "was ended by signal 11 (SIGSEGV) without an answer"),
    "does not care": ("", "exited with status 0 without an answer"),
    "last words": ("sys.stdin.readline(); sys.exit('no\\x1b[2J luck\\n\\n')", "exited with status 1 without an answer; its standard error ends: no\N{REPLACEMENT CHARACTER}[2J luck"),
    "breaks off": ("sys.stdin.readline(); print('{\"id\": 1', end='')", "exited with status 0 in the middle of a line: '{\"id\": 1'"),
    "closes its output": ("sys.stdin.readline(); os.close(1); time.sleep(600)", "closed its standard output without an answer"),
    "leaves a child with its pipes": ("import subprocess; sys.stdin.readline(); subprocess.Popen(['sleep', '600']); os._exit(5)", "exited with status 5 without an answer"),
}  # fmt: skip


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", SAID)
def test_what_is_said(name):
    """How it ended, what it had written, and the end of its standard error."""
    code, said = SAID[name]
    assert failure(code) == said


def test_last_lines_of_standard_error():
    """Only the last lines, and only so much of them."""
    said = failure("sys.stdin.readline(); sys.stderr.write('early\\n' + 'z' * 5000 + '\\nnext to last\\nlast'); sys.exit(1)")
    assert said.endswith("zzz / next to last / last")
    assert "early" not in said
    assert len(said) < 450


@pytest.mark.usefixtures("impatient")
def test_closed_input():
    """A program that reads nothing more."""
    assert failure("os.close(0); time.sleep(600)", line=b"x" * 10**6) == "closed its standard input without an answer"


def test_time_is_up():
    """Silence, reading nothing, and a line without its end; killed even if it does not listen to signals."""
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGINT, signal.SIG_IGN);"
    assert failure(f"{deaf} time.sleep(600)", seconds=0.3) == "no answer within 0.3 s"
    assert failure(f"{deaf} time.sleep(600)", line=b"x" * 10**6, seconds=0.3) == "no answer within 0.3 s"


def test_forgotten_end_of_line():
    """What had come is shown, with the usual reason."""
    program = python("print(sys.stdin.readline()); sys.stdout.write('almost'); sys.stdout.flush(); time.sleep(600)")
    assert program.ask(b"first", 30.0) == b"first"
    with pytest.raises(TargetFailed, match=r"^no answer within 0.5 s; it had written 'almost' without the end of a line \(is it flushed\?\)$"):
        program.ask(b"second", 0.5)


def test_answers_before_reading():
    """An answer to a request that is not read is none."""
    assert failure("print('yes', flush=True); time.sleep(600)", line=b"x" * 10**6, seconds=0.5).startswith(("answered before it had read the request", "wrote a line without being asked"))


def test_too_long_a_line():
    """A program that went wild is stopped at a limit."""
    said = failure("sys.stdin.readline(); sys.stdout.write('abc' * 10**6); time.sleep(600)", longest=1000)
    assert said.startswith(f"expected lines of at most 1000 bytes; got one that begins '{'abc' * 20}...'")


def test_words_without_a_question():
    """What was written after an answer is not taken for the next."""
    program = python("sys.stdin.readline(); print('one\\ntwo\\nthree\\nfour\\nfive\\nsix\\nseven', flush=True); time.sleep(600)")
    assert program.ask(b"?", 30.0) == b"one"
    while program._lines.empty():
        time.sleep(0.01)
    with pytest.raises(TargetFailed, match=r"^wrote a line without being asked: 'two'$"):
        program.ask(b"?", 30.0)


def test_gone_between_questions():
    """A program that answers once and leaves is found gone, not waited for."""
    program = python("print(sys.stdin.readline(), flush=True)")
    assert program.ask(b"once", 30.0) == b"once"
    with pytest.raises(TargetFailed, match="exited with status 0 without an answer"):
        program.ask(b"twice", 30.0)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: ["./nothing-here"], "got './nothing-here': No such file or directory$"),
        (lambda folder: [str(folder)], "Permission denied$"),
        (lambda folder: [str(_file(folder, "x.py", "print(1)", 0o644))], "Permission denied; .*chmod"),
        (lambda folder: [str(_file(folder, "x.py", "\x7fELF", 0o755))], "Exec format error; begin it with a line #!"),
        (lambda folder: [str(_file(folder, "x.py", "#!/no/such/python\n", 0o755))], "the interpreter that its first line names is not there"),
        (lambda folder: ["a\0b"], "embedded null byte"),
    ],
)
def test_what_cannot_be_run(make, said, tmp_path):
    """The reason of the system, and what to do."""
    with pytest.raises(TargetFailed, match=f"^expected a program that can be run; .*{said}"):
        Program(make(tmp_path))


def _file(folder, name, text, mode):
    path = Path(folder) / name
    path.write_text(text)
    path.chmod(mode)
    return path


def gone(pid):
    """Wait until a process is dead, or dead and not yet buried."""
    for _ in range(500):
        try:
            if Path(f"/proc/{pid}/stat").exists():
                if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
            else:
                os.kill(pid, 0)
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.01)
    return False


FAMILY = """import subprocess
children = [subprocess.Popen(['sleep', '600'])]
if sys.platform == 'linux':
    children.append(subprocess.Popen(['sleep', '600'], start_new_session=True))
    orphan = subprocess.run(['sh', '-c', 'setsid sleep 600 >/dev/null 2>&1 & echo $!'], stdout=-1)
    children[1].orphan = int(orphan.stdout)
sys.stdin.readline(); print(os.getpid(), *(c.pid for c in children), *(c.orphan for c in children[1:]), flush=True); sys.stdin.readline()"""


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("how", ["close", "at once", "forgotten", "failed"])
def test_nothing_is_left(how):
    """The program and what it started are ended, however it goes; on Linux what is in a session of its own, and what has lost its parent, too."""
    program = python(FAMILY + "\ntime.sleep(600)")
    pids = [int(x) for x in program.ask(b"who?", 30.0).split()]
    if how == "forgotten":
        del program
    elif how == "failed":
        program.failed("it was wrong")
    else:
        program.close(at_once=how == "at once")
    assert len(pids) == (4 if sys.platform == "linux" else 2)
    assert all(gone(p) for p in pids)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the group of the program is all that is known")
def test_it_ends_with_us(tmp_path):
    """A process that dies of SIGKILL leaves no program behind, nor what that started, though nothing reads the end of its input."""
    ours = f"""
import sys, time
from gradcheck.targets.program import Program
program = Program([sys.executable, "-I", "-S", "-c", {("import os, sys, time" + chr(10) + FAMILY + chr(10) + "time.sleep(600)")!r}])
print(program.ask(b"who?", 30.0).decode(), flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", ours], stdout=subprocess.PIPE, text=True) as process:
        pids = [int(x) for x in process.stdout.readline().split()]
        process.kill()
    assert len(pids) == 4
    assert all(gone(p) for p in pids)


def test_it_may_end_by_itself(tmp_path):
    """On close its input ends, and it has a moment to put things in order."""
    program = python(f"sys.stdin.read(); open({str(tmp_path / 'note')!r}, 'w').write('done')")
    program.close()
    assert (tmp_path / "note").read_text() == "done"


def test_an_interrupt_ends_it(monkeypatch):
    """Whoever stops waiting does not find the old answer later."""
    program = python("sys.stdin.readline(); time.sleep(600)")

    def interrupted(deadline, seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "_next", interrupted)
    with pytest.raises(KeyboardInterrupt):
        program.ask(b"?", 30.0)
    assert program._process.returncode is not None


def test_lines_are_shown_safely():
    """Control characters, what is no UTF-8, and long lines."""
    assert printable(b"\xff\x00\xe2\x80\xaea\tb") == "\N{REPLACEMENT CHARACTER}" * 3 + "a b"
    assert shown(b"x" * 1000) == repr("x" * 60 + "...")
