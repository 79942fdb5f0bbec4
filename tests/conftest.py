"""Hypothesis profiles: derandomised in CI, deep by hand; a failure prints how to reproduce it."""

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

_COMMON = {"deadline": None, "print_blob": True, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("ci", derandomize=True, max_examples=50, database=None, **_COMMON)
settings.register_profile("deep", derandomize=True, max_examples=1000, database=None, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
