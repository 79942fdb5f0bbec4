"""What docs/formats.md says about the formats is so."""

import re
from pathlib import Path

from gradcheck.graph.document import MOST_ENTRIES, dumps, loads
from gradcheck.networks import networks
from gradcheck.validation.validate import validate

TEXT = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")


def test_the_example_is_a_document():
    """It is read, and says the same when written again."""
    (example,) = re.findall(r"```json\n(.*?)```", TEXT, flags=re.DOTALL)
    graph = loads(example)
    assert graph.name == "squares"
    assert dumps(loads(dumps(graph))) == dumps(graph)
    assert MOST_ENTRIES == 2**28


def test_all_fields_of_a_result_are_described():
    """Every field of a result, of a row and of a finding stands in the text."""
    data = validate(lambda graph, values: (0.0, {}), [networks["xor-2-2-1"]]).to_dict()
    described = set(re.findall(r"`(\w+)`", TEXT))
    for part in (data, data["rows"][0], data["rows"][0]["findings"][0]):
        assert set(part) <= described
