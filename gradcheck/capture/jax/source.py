"""Where in somebody's code an equation comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradcheck.capture.place import Place

#: Folders whose code is no user's.
_THEIRS = ("site-packages", "dist-packages", "importlib")


def place_of(eqn: Any) -> Place:
    """Return the innermost line that is not the framework's, and the name of the primitive."""
    name = str(eqn.params.get("name", eqn.primitive.name))
    traceback = getattr(getattr(eqn, "source_info", None), "traceback", None)
    for frame in getattr(traceback, "frames", ()):
        parts = Path(frame.file_name).parts
        if not any(x in parts for x in _THEIRS) and "gradcheck" not in parts[-4:-1]:
            return Place("", frame.file_name, frame.line_num, name)
    return Place(operation=name)
