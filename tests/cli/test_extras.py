"""What the command line says where a library is not installed; the environment without extras has none of them."""

from importlib.util import find_spec

import pytest

from gradcheck.targets import targets
from tests.cli.status import status

pytestmark = pytest.mark.core

LIBRARIES = {name: targets.needs(name) for name in targets if targets.needs(name) != "numpy"}


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_target_without_its_library(name, capsys):
    """The job cannot be done, and what to install is said."""
    if find_spec(LIBRARIES[name]):
        pytest.skip("it is installed")
    assert status("run", name, "--networks", "diamond") == 2
    out = capsys.readouterr()
    assert f"gradcheck[{LIBRARIES[name]}]" in "".join((out.out + out.err).split())


def test_the_reference_needs_none():
    """Judged, learned with, its oracles and test vectors: with what `pip install gradcheck` brings."""
    assert status("run", "reference", "--networks", "diamond,lstm", "--dtype", "float64,float32,bfloat16") == 0
    assert status("vectors", "verify", "--target", "reference", "--tag", "xor-2-2-1") == 0
    assert status("verify", "--networks", "diamond") == 0
