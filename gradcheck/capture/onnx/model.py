"""An ONNX file as a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gradcheck.capture.numpy.arrays import Recorded, Recording
from gradcheck.capture.numpy.operators import numbers
from gradcheck.capture.onnx import convolution as _convolution  # noqa: F401 - these fill the table
from gradcheck.capture.onnx import elementwise as _elementwise  # noqa: F401
from gradcheck.capture.onnx import normalisation as _normalisation  # noqa: F401
from gradcheck.capture.onnx import recurrent as _recurrent  # noqa: F401
from gradcheck.capture.onnx import reduction as _reduction  # noqa: F401
from gradcheck.capture.onnx import shape as _shape  # noqa: F401
from gradcheck.capture.onnx.call import RULES, Call
from gradcheck.errors import BadDocument, CannotExpress, GradcheckError, MissingDependency
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays

try:
    import onnx
    from onnx import defs, helper, numpy_helper
    from onnx.reference import ReferenceEvaluator
except ImportError as error:  # pragma: no cover - where the extra is not installed
    raise MissingDependency("onnx", "onnx") from error

#: Turns of a loop that are unrolled: a graph of more is none that anybody reads.
MOST_TURNS = 1_000


class Model:
    """A model and the data that it is run on.

    Args:
        proto: the model.
        inputs: its inputs by name; drawn from a standard normal distribution where they are left out.
        seed: of what is drawn.

    Raises:
        CannotExpress: an operator, or a use of one, has no form here.
    """

    def __init__(self, proto: Any, inputs: Mapping[str, Any] | None = None, seed: int = 0) -> None:
        self.proto, self.given, self.rng = proto, dict(inputs or {}), np.random.default_rng(seed)
        self.versions = {x.domain or "ai.onnx": x.version for x in proto.opset_import}
        self.recording, self.values = Recording(), Arrays()
        self.functions = {(f.domain, f.name): f for f in proto.functions}

    @classmethod
    def load(cls, path: str | Path, inputs: Mapping[str, Any] | None = None, seed: int = 0) -> Model:
        """Read a file.

        Args:
            path: of the model.
            inputs: see `Model`.
            seed: see `Model`.

        Raises:
            BadDocument: it is no model.
        """
        try:
            return cls(onnx.load(str(path)), inputs, seed)
        except (OSError, ValueError, onnx.onnx_cpp2py_export.checker.ValidationError) as error:
            raise BadDocument(f"expected a model in ONNX: {path}: {error}") from error
        except Exception as error:  # whatever the parser of the format raises for damaged bytes
            raise BadDocument(f"expected a model in ONNX: {path}: {type(error).__name__}: {error}") from error

    @cached_property
    def outputs(self) -> list[Any]:
        """The outputs of the run: recorded arrays, or data."""
        graph, env = self.proto.graph, {}
        for x in graph.initializer:
            env[x.name] = self._leaf(x.name, numpy_helper.to_array(x))
        for x in graph.input:
            if x.name not in env:
                env[x.name] = self._leaf(x.name, self.given[x.name] if x.name in self.given else self._drawn(x))
        return self._run(graph, env)

    @cached_property
    def graph(self) -> Graph:
        """The graph of the floating outputs that depend on parameters or inputs."""
        names = [y.name for y in self.outputs if isinstance(y, Recorded) and y.memory.name]
        if not names:
            raise CannotExpress("no output depends on a floating input")
        return Graph(self.recording.leaves, self.recording.nodes, names, name=self.proto.graph.name or "onnx")

    def _leaf(self, name: str, x: Any) -> Any:
        if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
            return x
        self.values[name] = np.array(x, np.float64)
        return self.recording.input(name, self.values[name])

    def _drawn(self, info: Any) -> Any:
        """Return data for an input; a size that is not given is 2."""
        kind = helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
        shape = tuple(d.dim_value or 2 for d in info.type.tensor_type.shape.dim)
        if kind.kind == "f":
            return self.rng.standard_normal(shape)
        return np.zeros(shape, kind) if kind.kind != "b" else np.ones(shape, bool)

    # -- running --------------------------------------------------------------------------------

    def _run(self, graph: Any, env: dict[str, Any]) -> list[Any]:
        for node in graph.node:
            outs = self._answered(node, env, {})
            env.update({name: y for name, y in zip(node.output, outs, strict=False) if name})
        return [env[x.name] for x in graph.output]

    def _answered(self, node: Any, env: Mapping[str, Any], bound: Mapping[str, Any]) -> list[Any]:
        """Return the outputs of a node; whatever goes wrong in it is told of it."""
        try:
            return self._node(node, env, bound)
        except GradcheckError:
            raise
        except (TypeError, ValueError, IndexError, KeyError, ZeroDivisionError, AttributeError) as error:
            raise CannotExpress(f"{node.op_type}: {error}") from error

    def _node(self, node: Any, env: Mapping[str, Any], bound: Mapping[str, Any]) -> list[Any]:
        """Return the outputs of a node.

        Args:
            node: of the model, or of the body of a function.
            env: values by name.
            bound: attributes of the function in whose body it stands.
        """
        inputs = [env[name] if name else None for name in node.input]
        attributes = {a.name: bound.get(a.ref_attr_name) if a.ref_attr_name else _plain(helper.get_attribute_value(a)) for a in node.attribute}
        attributes = {k: v for k, v in attributes.items() if v is not None}
        if node.op_type in ("If", "Loop", "Scan"):
            return self._control(node.op_type, inputs, attributes, env)
        version = self.versions.get(node.domain or "ai.onnx", 1)
        if not any(isinstance(x, Recorded) and x.memory.name for x in inputs):
            return self._constant(node, inputs, attributes, version)
        call = Call(node.op_type, inputs, attributes, version, len(node.output))
        if node.op_type in RULES and node.domain in ("", "ai.onnx"):
            found = RULES[node.op_type](call)
            return list(found) if isinstance(found, tuple) else [found]
        return self._function(node, inputs, attributes, version)

    def _constant(self, node: Any, inputs: list[Any], attributes: Mapping[str, Any], version: int) -> list[Any]:
        """Return what ONNX's own reference makes of data."""
        plain = _resolved(node, attributes)
        feeds = {name: numbers(x) for name, x in zip(node.input, inputs, strict=True) if name}
        kinds = {x.dtype for x in feeds.values() if isinstance(x, np.ndarray) and x.dtype.kind == "f"}
        if len(kinds) > 1:  # recorded numbers are float64
            feeds = {k: x.astype(np.float64) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x for k, x in feeds.items()}
        try:
            return list(ReferenceEvaluator(plain, opsets={node.domain: version}).run(None, feeds))
        except Exception as error:  # whatever the reference raises where it has no such case
            raise CannotExpress(f"{node.op_type} of data: {type(error).__name__}: {error}") from error

    def _function(self, node: Any, inputs: list[Any], attributes: Mapping[str, Any], version: int) -> list[Any]:
        """Return what the body of an operator that is a function of others gives."""
        body = self.functions.get((node.domain, node.op_type)) or self._body(_resolved(node, attributes), inputs, version)
        if body is None:
            raise CannotExpress(f"the operator {node.op_type} has no form here")
        env = {name: (inputs[k] if k < len(inputs) else None) for k, name in enumerate(body.input)}
        env[""] = None
        defaults = {a.name: _plain(helper.get_attribute_value(a)) for a in body.attribute_proto} | self._defaults(node, version)
        before = dict(self.versions)
        self.versions.update({x.domain or "ai.onnx": x.version for x in body.opset_import})
        try:
            for inner in body.node:
                outs = self._answered(inner, env, {**defaults, **attributes})
                env.update({name: y for name, y in zip(inner.output, outs, strict=False) if name})
        finally:
            self.versions = before
        return [env.get(name) for name in body.output]

    def _defaults(self, node: Any, version: int) -> dict[str, Any]:
        """Return what attributes of an operator are where they are not given."""
        if (node.domain, node.op_type) in self.functions:
            return {}
        known = defs.get_schema(node.op_type, version, node.domain).attributes
        return {k: _plain(helper.get_attribute_value(a.default_value)) for k, a in known.items() if a.default_value.name}

    def _body(self, node: Any, inputs: list[Any], version: int) -> Any:
        schema: Any = defs.get_schema(node.op_type, version, node.domain)
        if schema.has_function:
            return schema.function_body
        if not schema.has_context_dependent_function:
            return None
        types = [_type(x) for x in inputs]
        return _parsed(schema.get_context_dependent_function(node.SerializeToString(), types))

    def _control(self, kind: str, inputs: list[Any], attributes: Mapping[str, Any], env: Mapping[str, Any]) -> list[Any]:
        """Run the branch that is taken, or the turns that a loop makes with these numbers."""
        if kind == "If":
            return self._run(attributes["then_branch" if bool(np.ravel(numbers(inputs[0]))[0]) else "else_branch"], dict(env))
        body = attributes["body"]
        return self._loop(body, inputs, env) if kind == "Loop" else self._scan(body, inputs, attributes, env)

    def _loop(self, body: Any, inputs: list[Any], env: Mapping[str, Any]) -> list[Any]:
        most = MOST_TURNS if inputs[0] is None else int(np.ravel(numbers(inputs[0]))[0])
        going, carried, rows = True if inputs[1] is None else bool(np.ravel(numbers(inputs[1]))[0]), list(inputs[2:]), []
        for k in range(min(most, MOST_TURNS)):
            if not going:
                break
            names = [x.name for x in body.input]
            outs = self._run(body, {**env, **dict(zip(names, [np.array(k, np.int64), np.array(going), *carried], strict=True))})
            going, carried = bool(np.ravel(numbers(outs[0]))[0]), outs[1 : 1 + len(carried)]
            rows.append(outs[1 + len(carried) :])
        return [*carried, *(_stacked([row[j] for row in rows]) for j in range(len(rows[0]) if rows else 0))]

    def _scan(self, body: Any, inputs: list[Any], attributes: Mapping[str, Any], env: Mapping[str, Any]) -> list[Any]:
        count = attributes["num_scan_inputs"]
        if any(np.any(attributes.get(k, 0)) for k in ("scan_input_directions", "scan_output_directions", "scan_input_axes", "scan_output_axes", "directions")):
            raise CannotExpress("Scan along other axes, or backwards, has no form here")
        carried, xs, rows = list(inputs[:-count]), inputs[-count:], []
        for k in range(np.shape(xs[0])[0]):
            names = [x.name for x in body.input]
            outs = self._run(body, {**env, **dict(zip(names, [*carried, *(x[k] for x in xs)], strict=True))})
            carried = outs[: len(carried)]
            rows.append(outs[len(carried) :])
        return [*carried, *(_stacked([row[j] for row in rows]) for j in range(len(rows[0]) if rows else 0))]


def _stacked(rows: Iterable[Any]) -> Any:
    found = list(rows)
    if any(isinstance(x, Recorded) for x in found):
        found = [x if isinstance(x, Recorded) else np.asarray(x, float) for x in found]
    return np.stack(found)


def _resolved(node: Any, attributes: Mapping[str, Any]) -> Any:
    """Return a node whose attributes are values, and none is that of a function around it."""
    plain = onnx.NodeProto()
    plain.CopyFrom(node)
    del plain.attribute[:]
    plain.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items())
    return plain


def _plain(x: Any) -> Any:
    if isinstance(x, bytes):
        return x.decode()
    if isinstance(x, list) and x and isinstance(x[0], bytes):
        return [v.decode() for v in x]
    return x


def _type(x: Any) -> bytes:
    if x is None:
        return b""
    dtype = np.dtype(np.float32) if isinstance(x, Recorded) else np.asarray(x).dtype
    made: bytes = helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(dtype), np.shape(x)).SerializeToString()
    return made


def _parsed(text: bytes) -> Any:
    body = onnx.FunctionProto()
    body.ParseFromString(text)
    return body
