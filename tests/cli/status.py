"""The command line in this process."""

import pytest

from gradcheck.cli.main import main


def status(*arguments):
    """Return the exit status of a command line."""
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    return caught.value.code
