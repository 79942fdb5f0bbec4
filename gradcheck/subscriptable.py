"""Packages that are mappings, ``gradcheck.networks["lenet-1989"]``, or functions, ``gradcheck.certify(graph, values)``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from inspect import signature
from types import ModuleType
from typing import Any


class MappingModule(ModuleType):
    """A module that passes subscription, iteration and length on to its `registry_of_names`."""

    registry_of_names: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.registry_of_names[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.registry_of_names)

    def __len__(self) -> int:
        return len(self.registry_of_names)

    def __contains__(self, name: object) -> bool:
        return name in self.registry_of_names


def make_mapping(module: str, registry: Mapping[str, Any]) -> None:
    """Give a module the item access of a registry."""
    made = sys.modules[module]
    made.__class__ = MappingModule
    made.registry_of_names = registry  # type: ignore[attr-defined]  # the line above gave it the attribute


class CallableModule(ModuleType):
    """A module that can be called: its `function` is."""

    function: Callable[..., Any]

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.function(*args, **options)


def make_callable(module: str, function: Callable[..., Any]) -> None:
    """Make a module callable."""
    made = sys.modules[module]
    made.__class__ = CallableModule
    made.function = function  # type: ignore[attr-defined]  # the line above gave it the attribute
    made.__signature__ = signature(function)  # type: ignore[attr-defined]  # which help() and editors show
