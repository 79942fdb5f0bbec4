"""How many seeded faults in one operation's backward a recording finds, and names: ``python -m tests.capture.sensitivity [--bfloat16]``."""

import random
import sys
from collections import Counter

import torch

from gradcheck.capture.torch.sweep import Sweep
from tests.capture.models import recorded

MODELS_USED = ("llama", "gpt2", "bert", "vit", "whisper", "mamba", "t5", "convolutional", "swinv2", "xlnet")
FACTOR = {torch.float32: 1 + 1e-5, torch.bfloat16: 1.01}


def altered(kind, g, dtype):
    """Return a gradient with a fault of a kind; None where it would be the same."""
    if kind == "scaled":
        new = g * FACTOR[dtype]
    elif kind == "axis":
        new = g.flip(-1) if g.dim() else None
    elif kind == "mask":
        new = g * (torch.arange(g.numel()).reshape(g.shape) % 16 != 3)
    else:
        new = torch.cat([g[:-1], torch.zeros_like(g[-1:])]) if g.dim() else None
    return None if new is None or torch.equal(new, g) else new


class Fault:
    """Alters what one function hands on, before anybody looks."""

    def __init__(self, seed, kind, dtype):
        self.random, self.kind, self.dtype = random.Random(seed), kind, dtype
        self.node, self.moved = "", 0.0

    def __enter__(self):
        self.original = Sweep.__enter__
        Sweep.__enter__ = lambda sweep: self.entered(sweep)
        return self

    def __exit__(self, *_):
        Sweep.__enter__ = self.original

    def entered(self, sweep):
        """Register the fault, then what looks."""
        name, (function, _) = self.random.choice(sorted(sweep.recorder.functions.items()))
        self.node, self.place = name, sweep.recorder.tape.places.get(name)

        def hook(inputs, _):
            out = list(inputs)
            for k in self.random.sample(range(len(out)), len(out)):
                new = None if out[k] is None else altered(self.kind, out[k], self.dtype)
                if new is not None:
                    size = float(out[k].double().norm())
                    self.moved = float((new.double() - out[k].double()).norm()) / size if size else 0.0
                    out[k] = new
                    return tuple(out)
            return None

        self.handle = function.register_hook(hook)
        try:
            return self.original(sweep)
        finally:
            sweep._handles.append(self.handle)


def outcome(name, seed, kind, dtype):
    """Return "found", "missed" or "none" (nothing changed), and whether node and module are named."""
    fault = Fault(seed, kind, dtype)
    with fault:
        recording = recorded(name, dtype=dtype)
    if fault.moved == 0:
        return "none", False, fault
    row = recording.validate()
    first = next((f for f in row.findings if f.severity == "fault"), None)
    if row.verdict != "fail" or first is None:
        return "missed", False, fault
    users = {x.rpartition("[")[0] for x in (first.edge, *first.candidates) if x} | {first.node}
    places = {recording.places[x].module for x in users if x in recording.places}
    return "found", fault.node in users or (fault.place is not None and fault.place.module in places), fault


if __name__ == "__main__":
    torch.set_num_threads(1)
    dtype = torch.bfloat16 if "--bfloat16" in sys.argv else torch.float32
    for kind in ("scaled", "axis", "mask", "row"):
        counts, named, large, missed = Counter(), 0, Counter(), Counter()
        for name in MODELS_USED:
            for seed in range(6):
                result, told, fault = outcome(name, seed, kind, dtype)
                counts[result] += 1
                named += told
                if fault.moved > 4 * 2.0**-8:
                    large[result] += 1
                if result == "missed":
                    missed[fault.node.rpartition("/")[2].rstrip("0123456789")] += 1
        sys.stdout.write(f"{kind}: {dict(counts)}, named {named}; moved by more than 4 u: {dict(large)}; missed: {dict(missed)}\n")
        sys.stdout.flush()
