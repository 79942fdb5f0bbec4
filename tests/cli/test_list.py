"""`gradcheck list`: what there is."""

import pytest

from gradcheck.cli.main import main
from gradcheck.networks import networks
from gradcheck.ops import registry
from gradcheck.oracles import ORACLES
from gradcheck.targets import targets

EXPECTED = {"ops": registry, "networks": networks, "targets": targets, "oracles": ORACLES}


@pytest.mark.core
@pytest.mark.parametrize("what", EXPECTED)
def test_everything_is_listed(what, capsys):
    """Every registered name is in the table, with a text beside it."""
    with pytest.raises(SystemExit) as caught:
        main(["list", what])
    out, err = capsys.readouterr()
    assert caught.value.code == 0
    assert not err
    first = [line.split()[0] for line in out.splitlines() if line.strip() and not line.startswith(" " * 4)]
    assert set(EXPECTED[what]) <= set(first)
    if what == "targets":
        assert "module:attribute" in out
