"""The paragraphs by name: `RULES`, filled by the modules beside this one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from gradcheck.capture.torch.call import Call

Rule: TypeAlias = "Callable[[Call], None]"


class Rules(Mapping[str, Rule]):
    """Every rule by the name of its operation, without namespace, overload and the underscore of in-place ones."""

    MODULES = ("moves", "indexing", "elementwise", "reductions", "products", "convolutions", "normalisations", "losses", "attention", "recurrent")

    def __init__(self) -> None:
        self._rules: dict[str, Rule] = {}
        self._loaded = False

    def add(self, *names: str) -> Callable[[Rule], Rule]:
        """Return a decorator that enters a rule under names."""

        def enter(rule: Rule) -> Rule:
            self._rules.update(dict.fromkeys(names, rule))
            return rule

        return enter

    def _load(self) -> dict[str, Rule]:
        if not self._loaded:
            self._loaded = True
            for module in self.MODULES:
                import_module(f"gradcheck.capture.aten.{module}")
        return self._rules

    def __getitem__(self, name: str) -> Rule:
        return self._load()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._load())

    def __len__(self) -> int:
        return len(self._load())


RULES = Rules()
operation = RULES.add
