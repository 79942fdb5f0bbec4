"""The cases are what they say: each derivative is right by means of its own, each mutant is wrong, and then the examination of check."""

import importlib
import warnings
from collections import Counter

import numpy as np
import pytest

from tests.right.kinds import truth
from tests.right.kinds.registry import KINDS, cases

ALL = cases()
BY_NAME = {case.name: case for case in ALL}
