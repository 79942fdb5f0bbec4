"""The pytest plugin: a fixture that checks gradients, a marker, networks and targets as parameters, a summary, one report.

Nothing of gradcheck but its errors and settings is imported until a test asks for it. Under pytest-xdist the results of the
workers travel with the reports of their tests, and the controller writes one file.
"""

from gradcheck.pytest_plugin.fixtures import gradcheck, gradcheck_validate, pytest_generate_tests
from gradcheck.pytest_plugin.results import (
    pytest_collection_finish,
    pytest_collection_modifyitems,
    pytest_sessionfinish,
    pytest_sessionstart,
)
from gradcheck.pytest_plugin.session import chosen, pytest_addoption, pytest_configure
from gradcheck.pytest_plugin.summary import pytest_terminal_summary

__all__ = [
    "chosen", "gradcheck", "gradcheck_validate", "pytest_addoption", "pytest_collection_finish", "pytest_collection_modifyitems", "pytest_configure",
    "pytest_generate_tests", "pytest_sessionfinish", "pytest_sessionstart", "pytest_terminal_summary",
]  # fmt: skip
