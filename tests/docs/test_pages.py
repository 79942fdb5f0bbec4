"""The pages with examples: python blocks run in order, a text block after one is its exact output."""

import contextlib
import io
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("page", "outputs"), [("check.md", 2), ("gallery.md", 6), ("cost.md", 2)])
def test_examples_print_what_is_shown(page, outputs):
    """One namespace a page; what needs a library that is missing ends the page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    names, printed, compared = {"__name__": "page"}, "", 0
    for kind, block in re.findall(r"```(\w+)\n(.*?)```", text, flags=re.DOTALL):
        if kind == "python":
            if "import torch" in block:
                pytest.importorskip("torch")
            stream = io.StringIO()
            with contextlib.redirect_stdout(stream):
                exec(compile(block, page, "exec"), names)
            printed = stream.getvalue()
        elif kind == "text":
            assert printed == block
            compared += 1
    assert compared == outputs
