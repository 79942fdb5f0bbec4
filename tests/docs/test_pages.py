"""The pages with examples: python blocks run in order, a text block after one is its exact output."""

import contextlib
import io
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.plugin.conftest import LOADED

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)

#: page -> how many outputs it shows
PAGES = {
    "tutorial.md": 3, "check.md": 3, "gallery.md": 7, "cost.md": 2, "accuracy.md": 1, "numerics.md": 1, "certified.md": 3,
    "howto/numpy.md": 2, "howto/torch.md": 2, "howto/own_program.md": 3, "howto/jax.md": 2, "howto/kernels.md": 1, "explanation.md": 2, "learning.md": 3, "vectors.md": 3,
    "second_order.md": 5,
    "howto/c.md": 1, "howto/ci.md": 0,
}  # fmt: skip


def blocks(page):
    """Return the kinds and texts of a page's blocks."""
    return BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))


def test_every_page_with_examples_is_run():
    """A new page has a row here."""
    found = {str(p.relative_to(DOCS)) for p in DOCS.rglob("*.md") if "_build" not in p.parts and "```python" in p.read_text(encoding="utf-8")}
    assert found - {"findings.md", "architecture.md", "formats.md", "power.md"} == set(PAGES)


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("page", PAGES)
def test_examples_print_what_is_shown(page, tmp_path, monkeypatch):
    """One namespace a page; what needs a library that is missing ends the page."""
    monkeypatch.chdir(tmp_path)
    names, printed, compared = {"__name__": "page"}, "", 0
    for kind, block in blocks(page):
        if kind == "c":
            _build(block, tmp_path, page)
        elif kind == "python":
            for library in ("torch", "jax"):
                if f"import {library}" in block and find_spec(library) is None:
                    pytest.skip(f"{library} is not installed")
            stream = io.StringIO()
            with contextlib.redirect_stdout(stream):
                exec(compile(block, page, "exec"), names)
            printed = stream.getvalue()
        elif kind == "text":
            assert printed == block
            compared += 1
    assert compared == PAGES[page]


def _build(block, folder, page):
    """Compile as the page says; names differ between pages, for a process loads a name once."""
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    command = re.search(r"cc -O2 -shared -fPIC (\w+)\.c -o \1\.so -lm", (DOCS / page).read_text(encoding="utf-8"))
    (folder / f"{command[1]}.c").write_text(block)
    subprocess.run(command[0].split(), cwd=folder, check=True)


@pytest.mark.parametrize("page", ["howto/ci.md", pytest.param("howto/numpy.md", marks=pytest.mark.deep)])
def test_tests_in_pages_are_tests(page, pytester):
    """The tests that a page shows pass under the plugin."""
    code = "\n".join(block for kind, block in blocks(page) if kind == "python")
    pytester.makepyfile(test_page=code)
    assert LOADED
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:randomly")
    result.assert_outcomes(passed=1)


def test_settings_in_pages_are_settings(tmp_path):
    """What the page about CI shows is read."""
    from gradcheck.settings import load
    from gradcheck.validation.known import read

    settings, known = (block for kind, block in blocks("howto/ci.md") if kind == "toml")
    (tmp_path / "pyproject.toml").write_text(settings)
    (tmp_path / "known.toml").write_text(known)
    assert load(tmp_path).strict
    assert read(tmp_path / "known.toml")[0].op == "relu"
