"""Packages that are mappings: ``gradcheck.networks["lenet-1989"]``, although networks is a package."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
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
