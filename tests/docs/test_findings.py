"""Every code block of docs/findings.md runs: what is said about other libraries is so."""

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "docs" / "findings.md").read_text(encoding="utf-8")
SECTIONS = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
BLOCKS = [(s.splitlines()[0], code) for s in SECTIONS for code in re.findall(r"```python\n(.*?)```", s, flags=re.DOTALL)]
LIBRARIES = ("sklearn", "torch", "jax", "autograd")


@pytest.mark.parametrize(("title", "code"), BLOCKS, ids=[f"{t}-{k}" for k, (t, _) in enumerate(BLOCKS)])
def test_reproductions(title, code):
    """The reproduction asserts what the text says."""
    for library in LIBRARIES:
        if re.search(rf"^(import|from) {library}\b", code, flags=re.MULTILINE):
            pytest.importorskip(library)
    exec(compile(code, title, "exec"), {})


def test_every_section_is_complete():
    """What, versions, reproduction, why it matters."""
    assert len(SECTIONS) >= 4
    for section in SECTIONS:
        assert "```python" in section
        assert "**Why it matters.**" in section
        assert re.search(r"\d+\.\d+", section)
