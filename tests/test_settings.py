"""[tool.gradcheck]: found above, every kind of value looked at, unknown keys refused."""

import pytest

from gradcheck.errors import BadSettings, UnknownName
from gradcheck.settings import Settings, load


def test_everything(tmp_path):
    """Every key; files are relative to the folder of the file."""
    (tmp_path / "pyproject.toml").write_text("""
[tool.gradcheck]
targets = ["torch", "mypkg:Engine"]
networks = "lenet*"
dtypes = ["float32"]
seed = 7
budget = "30s"
explore = true
strict = true
known-failures = "tests/known.toml"
baseline = "reports/base.json"
timeout = 2.5
""")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    found = load(inner)
    assert found == Settings(
        ("torch", "mypkg:Engine"), ("lenet*",), ("float32",), 7, "30s", True, True, tmp_path / "tests/known.toml", tmp_path / "reports/base.json", 2.5
    )
    assert found.file == tmp_path / "pyproject.toml"


def test_nearest_with_a_table(tmp_path):
    """A pyproject.toml without the table is not the one."""
    (tmp_path / "pyproject.toml").write_text("[tool.gradcheck]\nseed = 1\n")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    assert load(tmp_path / "a").seed == 1


def test_none(tmp_path):
    """Without any, the defaults."""
    assert load(tmp_path).seed == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("seed = -1", "seed: expected a whole number"), ("seed = true", "seed: expected a whole number"), ("strict = 1", "strict: expected true or false"),
        ("targets = [1]", "targets: expected a name or a list of names"), ("budget = 1.5", "budget: expected a whole number"),
        ("timeout = 0", "timeout: expected seconds, a number above 0"), ("timeout = true", "timeout: expected seconds"), ("timeout = '5s'", "timeout: expected seconds"),
        ("baseline = ''", "baseline: expected the name of a file"), ("x = [", "expected TOML"),
    ],
)  # fmt: skip
def test_wrong_values(tmp_path, line, said):
    """The file, the key, what was expected, what came."""
    (tmp_path / "pyproject.toml").write_text(f"[tool.gradcheck]\n{line}\n")
    with pytest.raises(BadSettings, match=said):
        load(tmp_path)


def test_no_table(tmp_path):
    """tool.gradcheck that is no table."""
    (tmp_path / "pyproject.toml").write_text("[tool]\ngradcheck = 3\n")
    with pytest.raises(BadSettings, match="table"):
        load(tmp_path)


def test_unknown_keys(tmp_path):
    """The nearest right name is told."""
    (tmp_path / "pyproject.toml").write_text("[tool.gradcheck]\nknown_failures = 'x'\n")
    with pytest.raises(UnknownName, match="did you mean 'known-failures'"):
        load(tmp_path)
