"""Models in ONNX files: values as ONNX's own tests have them, gradients of their own networks, damaged files."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

import gradcheck  # noqa: E402
from gradcheck.arith.floating import Floating  # noqa: E402
from gradcheck.capture.onnx.model import Model  # noqa: E402
from gradcheck.capture.onnx.network import onnx_network  # noqa: E402
from gradcheck.cli.main import main  # noqa: E402
from gradcheck.engine.reverse import backward, evaluate  # noqa: E402
from gradcheck.errors import BadDocument, CannotExpress  # noqa: E402
from tests.capture.onnx_nodes import cases, outcome  # noqa: E402


def model(*nodes, weights, shape=(2, 3), out=(2, 4), opset=20):
    """Return a model with one input x and one output y."""
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", shape), ("y", out)))
    tensors = [numpy_helper.from_array(np.asarray(w, np.float32), k) for k, w in weights.items()]
    graph = helper.make_graph(list(nodes), "small", [x], [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def layer():
    """Return a linear layer with a gelu, a mask and a branch by shape."""
    rng = np.random.default_rng(0)
    return model(
        helper.make_node("Gemm", ["x", "w", "b"], ["h"], transB=1),
        helper.make_node("Gelu", ["h"], ["a"]),
        helper.make_node("Greater", ["h", "zero"], ["m"]),
        helper.make_node("Where", ["m", "a", "h"], ["s"]),
        helper.make_node("Shape", ["s"], ["n"]),
        helper.make_node("Reshape", ["s", "n"], ["r"]),
        helper.make_node("Softmax", ["r"], ["y"]),
        weights={"w": rng.normal(size=(4, 3)), "b": rng.normal(size=4), "zero": 0.0},
    )


def feed(*shapes):
    """Return inputs of shapes."""
    rng = np.random.default_rng(1)
    return [rng.normal(size=s).astype(np.float32) if isinstance(s, tuple) else np.asarray(s) for s in shapes]


#: operator, attributes, inputs: shapes of floats, or whole numbers
NODES = [
    ("Conv", {"pads": [1, 0, 1, 2], "strides": [1, 2]}, [(2, 3, 5, 6), (4, 3, 3, 2), (4,)]),
    ("ConvTranspose", {"strides": [2, 2], "pads": [1, 1, 0, 0]}, [(1, 2, 3, 3), (2, 3, 3, 3)]),
    ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 1], "pads": [0, 1, 1, 0]}, [(1, 2, 5, 4)]),
    ("AveragePool", {"kernel_shape": [3], "pads": [1, 1], "count_include_pad": 0}, [(2, 2, 5)]),
    ("BatchNormalization", {}, [(2, 3, 4), (3,), (3,), (3,), [1.0, 2.0, 0.5]]),
    ("LSTM", {"hidden_size": 3, "direction": "bidirectional"}, [(4, 2, 2), (2, 12, 2), (2, 12, 3), (2, 24)]),
    ("GRU", {"hidden_size": 3, "linear_before_reset": 1}, [(4, 2, 2), (1, 9, 2), (1, 9, 3), (1, 18)]),
    ("Einsum", {"equation": "...ij,...jk->...ik"}, [(2, 3, 4), (2, 4, 2)]),
    ("GatherND", {"batch_dims": 1}, [(2, 3, 2), [[[0], [1]], [[2], [0]]]]),
    ("ScatterElements", {"axis": 1, "reduction": "add"}, [(2, 4), [[0, 0], [3, 1]], (2, 2)]),
    ("Resize", {"mode": "linear"}, [(1, 1, 3, 4), [], np.array([1.0, 1.0, 2.0, 0.5], np.float32)]),
    ("Pad", {"mode": "reflect"}, [(3, 4), [1, 0, 0, 2]]),
    ("TopK", {"axis": 1}, [(2, 5), [3]]),
    ("Slice", {}, [(4, 5), [3, 0], [-9, 9], [0, 1], [-2, 3]]),
    ("ReduceLogSumExp", {"keepdims": 0}, [(3, 4), [1]]),
    ("CumSum", {"exclusive": 1, "reverse": 1}, [(3, 4), 1]),
    ("LayerNormalization", {"axis": 1}, [(2, 3, 4), (3, 4), (3, 4)]),
    ("DFT", {"axis": 1, "onesided": 1}, [(1, 5, 2, 1)]),
    ("SoftmaxCrossEntropyLoss", {"reduction": "none"}, [(3, 4), [0, 3, 1]]),
    ("Attention", {"q_num_heads": 2, "kv_num_heads": 2}, [(1, 3, 4), (1, 3, 4), (1, 3, 4)]),
]


@pytest.mark.parametrize(("op", "attributes", "inputs"), NODES, ids=[n[0] for n in NODES])
def test_a_node_has_the_value_of_the_reference(op, attributes, inputs):
    """ONNX's own evaluator, in float32; operators that are functions of others by their bodies."""
    given = {f"x{k}": x for k, x in enumerate(feed(*inputs))}
    node = helper.make_node(op, list(given), ["y"], **attributes)
    infos = [helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape) for k, x in given.items()]
    version = {"DFT": 19, "Attention": 23}.get(op, 22)
    made = helper.make_model(
        helper.make_graph([node], "one", infos, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]), opset_imports=[helper.make_opsetid("", version)]
    )
    wanted = ReferenceEvaluator(made).run(None, given)[0]
    found = Model(made, given).outputs[0].value
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-6)


@pytest.mark.deep
def test_nine_in_ten_are_passed_and_none_is_wrong():
    """Of ONNX's tests of operators that have a derivative, within the tolerance of each."""
    found = {t.name: outcome(t) for t in cases()}
    assert [name for name, x in found.items() if x.startswith("wrong")] == []
    told = [x for x in found.values() if x != "no derivative"]
    assert told.count("pass") >= 0.9 * len(told)


def test_a_file_is_a_network(tmp_path):
    """Its value is ONNX's own, its gradient that of differences, and targets are judged on it."""
    path = tmp_path / "layer.onnx"
    onnx.save(layer(), str(path))
    network = onnx_network(path)
    values = network.values(0)
    assert set(values) == {"w", "b", "x", "zero"} & set(network.graph.leaf)
    loss, gradients = backward(network.graph, values, Floating())[:2]
    for k in ("w", "b", "x"):
        step = np.zeros_like(values[k])
        step.flat[1] = 1e-6
        ends = [float(evaluate(network.graph, {**values, k: values[k] + s * step})) for s in (1, -1)]
        assert abs(gradients[k].flat[1] - (ends[0] - ends[1]) / 2e-6) < 1e-7
    assert np.isfinite(loss)
    assert gradcheck.validate("reference", network).verdict == "pass"


def test_on_the_command_line(tmp_path, capsys):
    """`--networks model.onnx`, beside names."""
    path = tmp_path / "layer.onnx"
    onnx.save(layer(), str(path))
    with pytest.raises(SystemExit) as status:
        main(["run", "reference", "--networks", str(path), "--networks", "xor-2-2-1"])
    assert status.value.code == 0
    assert "layer" in capsys.readouterr().out


@pytest.mark.parametrize("text", [b"", b"no model", b"\x08" * 40, bytes(range(256))])
def test_damaged_files(tmp_path, text):
    """A clear error with the name of the file."""
    path = tmp_path / "bad.onnx"
    path.write_bytes(text)
    with pytest.raises((BadDocument, CannotExpress)):
        _ = onnx_network(path)


def test_what_is_not_there():
    """The operator is named."""
    made = model(helper.make_node("Det", ["x"], ["y"]), weights={}, shape=(2, 2), out=())
    with pytest.raises(CannotExpress, match="Det"):
        _ = Model(made).outputs
