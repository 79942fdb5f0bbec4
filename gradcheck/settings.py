"""``[tool.gradcheck]`` in pyproject.toml: what a repository has decided once. Options given by hand go before it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradcheck.errors import BadSettings, UnknownName
from gradcheck.files import toml
from gradcheck.files.limits import failing_as


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``[tool.gradcheck]`` says.

    Args:
        targets: names of targets, "module:attribute", or programs.
        networks: shell patterns of names, systems or tags.
        dtypes: formats.
        seed: of data, directions and cotangents.
        budget: evaluations, or a time such as "30s", of each check.
        explore: whether checks vary their inputs; "shapes": their shapes too.
        strict: whether what is inconclusive, passes unexpectedly, or is known and matches nothing counts as failing.
        known_failures: file of known failures, relative to the folder of pyproject.toml.
        baseline: file of results that new ones are compared with, likewise.
        timeout: seconds that a target which is a program has for each answer.
        file: where it was read, if anywhere.
    """

    targets: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    seed: int = 0
    budget: int | str | None = None
    explore: bool | str = False
    strict: bool = False
    known_failures: Path | None = None
    baseline: Path | None = None
    timeout: float | None = None
    file: Path | None = field(default=None, compare=False)


def _names(x: Any, _: Path) -> tuple[str, ...]:
    if isinstance(x, str):
        return (x,)
    if isinstance(x, list) and all(isinstance(i, str) and i for i in x):
        return tuple(x)
    raise ValueError("a name or a list of names")


def _whole(x: Any, _: Path) -> int:
    if isinstance(x, int) and not isinstance(x, bool) and 0 <= x < 2**63:  # a history keeps integers of 64 bits
        return x
    raise ValueError("a whole number of at least 0 and below 2^63")


def _truth(x: Any, _: Path) -> bool:
    if isinstance(x, bool):
        return x
    raise ValueError("true or false")


def _explored(x: Any, _: Path) -> bool | str:
    if isinstance(x, bool) or x == "shapes":
        return x  # type: ignore[no-any-return]  # one of the two
    raise ValueError("true, false or 'shapes'")


def _seconds(x: Any, _: Path) -> float:
    if isinstance(x, int | float) and not isinstance(x, bool) and 0 < x <= threading.TIMEOUT_MAX:
        return float(x)
    raise ValueError(f"seconds, a number above 0, and no more than {threading.TIMEOUT_MAX:.0f}, which is what a thread can wait")


def _budget(x: Any, folder: Path) -> int | str:
    return x if isinstance(x, str) and x else _whole(x, folder)


def _file(x: Any, folder: Path) -> Path:
    if isinstance(x, str) and x:
        return folder / x
    raise ValueError("the name of a file")


#: key of the table -> field, and how it is read: value, folder of the file -> value; raises ValueError with what was expected
_KEYS: Mapping[str, tuple[str, Callable[[Any, Path], Any]]] = {
    "targets": ("targets", _names), "networks": ("networks", _names), "dtypes": ("dtypes", _names), "seed": ("seed", _whole),
    "budget": ("budget", _budget), "explore": ("explore", _explored), "strict": ("strict", _truth),
    "known-failures": ("known_failures", _file), "baseline": ("baseline", _file),
    "timeout": ("timeout", _seconds),
}  # fmt: skip


def load(folder: Path) -> Settings:
    """Return the settings of the nearest pyproject.toml with a table ``[tool.gradcheck]``, in a folder or above it.

    Args:
        folder: where to begin.

    Raises:
        BadSettings: a file that is no TOML, or a value of the wrong kind.
        UnknownName: a key that does not exist, with the nearest one.
    """
    for place in (folder.absolute(), *folder.absolute().parents):
        file = place / "pyproject.toml"
        if file.is_file():
            table = _table(file)
            if table is not None:
                return _settings(table, file)
    return Settings()


def _table(file: Path) -> Mapping[str, Any] | None:
    with failing_as(BadSettings):
        data = toml.read(file, "settings")
    tool = data.get("tool", {})
    found = tool.get("gradcheck") if isinstance(tool, dict) else None
    if found is not None and not isinstance(found, dict):
        raise BadSettings(f"{file}: expected a table [tool.gradcheck]; got {found!r:.200}")
    return found


def _settings(table: Mapping[str, Any], file: Path) -> Settings:
    given: dict[str, Any] = {"file": file}
    for key, value in table.items():
        if key not in _KEYS:
            raise UnknownName(f"key of [tool.gradcheck] in {file}:", key, _KEYS)
        name, read = _KEYS[key]
        try:
            given[name] = read(value, file.parent)
        except ValueError as error:
            raise BadSettings(f"{file}: {key}: expected {error}; got {value!r:.200}") from error
    return Settings(**given)
