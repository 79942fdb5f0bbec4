#!/usr/bin/env python3
"""A tool of GradBench as an engine: ``python3 gradbench.py MODULE COMMAND...`` (docs/protocol.md shows it at work).

GradBench (https://github.com/gradbench/gradbench) speaks in lines of JSON too, but of functions that both sides know by name:
`define` a module, `evaluate` its function "primal" or "gradient" at an input. So this engine cannot be given any graph: it is
asked about networks that compute what MODULE computes, and hands their values on by name.
"""

import json
import subprocess
import sys


class Tool:
    """A GradBench tool; ids count its messages."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - what the user named
        self.id = 0

    def ask(self, **message):
        self.process.stdin.write(json.dumps({"id": self.id, **message}) + "\n")
        self.process.stdin.flush()
        response = json.loads(self.process.stdout.readline())
        if response["id"] != self.id or not response.get("success", True):
            raise RuntimeError(response.get("error") or f"the tool answered {response}")
        self.id += 1
        return response


def nested(array):
    """Return the nested lists of an array."""
    data, shape = array["data"], array["shape"]
    for n in reversed(shape[1:]):
        data = [data[k : k + n] for k in range(0, len(data), n)]
    return data if shape else data[0]


def answer(tool, module, request):
    if request["kind"] == "hello":
        name = tool.ask(kind="start", eval=module).get("tool") or "tool"
        tool.ask(kind="define", module=module)
        return {"name": f"{name} (GradBench {module})", "dtypes": ["float64"]}
    given = {name: nested(x) for name, x in request["values"].items() if name in inputs(request)}
    loss, gradient = (
        tool.ask(kind="evaluate", module=module, function=f, input={**given, "min_runs": 1, "min_seconds": 0})["output"]
        for f in ("primal", "gradient")
    )
    return {"loss": loss, "gradients": gradient if isinstance(gradient, dict) else {request["wrt"][0]: gradient}}


def inputs(request):
    return {leaf["name"] for leaf in request["graph"]["leaves"] if leaf["kind"] != "constant"}


def main():
    module, *command = sys.argv[1:]
    tool = Tool(command)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            found = {"success": True, **answer(tool, module, request)}
        except RuntimeError as error:
            found = {"success": False, "error": str(error)}
        print(json.dumps({"id": request["id"], **found}), flush=True)


if __name__ == "__main__":
    main()
