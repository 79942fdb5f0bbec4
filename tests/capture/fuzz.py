"""Random torch programs: views, writes in place, detach, no_grad, custom Functions, checkpoints. ``python -m tests.capture.fuzz FIRST LAST``."""

import random
import sys

import numpy as np
import torch
from torch.utils.checkpoint import checkpoint

import gradcheck
from gradcheck.engine.reverse import evaluate


class Scaled(torch.autograd.Function):
    """Two operations, of which one writes in place into what the other made."""

    @staticmethod
    def forward(ctx, x, y):
        """Return sin(x) y, halved in place."""
        ctx.save_for_backward(x, y)
        z = torch.sin(x)
        z.view(-1).mul_(0.5)
        return z * y

    @staticmethod
    def backward(ctx, g):
        """Return both derivatives."""
        x, y = ctx.saved_tensors
        return 0.5 * g * torch.cos(x) * y, 0.5 * g * torch.sin(x)


class Filled(torch.autograd.Function):
    """Makes its result row by row in memory of its own, and returns two."""

    @staticmethod
    def forward(ctx, x):
        """Return the rows of x, the first doubled, and their sum."""
        y = torch.empty_like(x)
        y[:1] = x[:1] * 2
        y[1:] = x.detach()[1:]
        return y, x.sum()

    @staticmethod
    def backward(ctx, g, h):
        """Return what both results hand on."""
        g = g.clone()
        g[:1] *= 2
        return g + h


class InPlace(torch.autograd.Function):
    """Changes its input and says so."""

    @staticmethod
    def forward(ctx, x):
        """Return x / 2 in the memory of x."""
        x.div_(2)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, g):
        """Return half of it."""
        return g / 2


class Program:
    """A program that is the same whenever it is called; its choices depend on a seed and on shapes alone."""

    def __init__(self, seed, length=14):
        self.seed, self.length = seed, length
        self.told = []

    def __call__(self, *inputs):
        """Return the loss of the inputs."""
        r, self.told = random.Random(self.seed), []
        live = [x * 1.0 if r.random() < 0.7 else x for x in inputs]
        steps = [getattr(self, name) for name in sorted(dir(type(self))) if name.startswith("step_")]
        for _ in range(self.length):
            step = r.choice(steps) if r.random() < 0.5 else r.choice([self.step_unary, self.step_view, self.step_binary])
            made = step(r, live)
            self.told.append(f"{step.__name__} {None if made is None else tuple(made.shape)}")
            if made is not None:
                live.append(made)
            if len(live) > 8:
                del live[r.randrange(len(live))]
        return sum((torch.sin(x) * (0.5 + 0.1 * k)).sum() for k, x in enumerate(live))

    @staticmethod
    def _some(r, live, written=False):
        found = [x for x in live if not written or x.grad_fn is not None]
        return r.choice(found) if found else None

    def step_unary(self, r, live):
        """Make a new value of one."""
        f = r.choice([torch.sin, torch.tanh, torch.sigmoid, lambda x: x * 0.7, lambda x: x - 0.3, lambda x: x.clone(), torch.exp, lambda x: x.square()])
        return f(torch.tanh(self._some(r, live)))

    def step_binary(self, r, live):
        """Make a new value of two, broadcast."""
        a, b = self._some(r, live), self._some(r, live)
        b = b.sum() / (1 + b.numel()) if a.shape != b.shape else b
        return r.choice([torch.add, torch.mul, torch.sub, torch.maximum])(a, b)

    def step_view(self, r, live):
        """Make a view."""
        x = self._some(r, live)
        ways = [lambda: x.reshape(-1), lambda: x.unsqueeze(0), lambda: x.squeeze(), lambda: x.view_as(x)]
        if x.dim() and x.shape[0] > 1:
            ways += [lambda: x[1:], lambda: x[0], lambda: x[::2], lambda: x.narrow(0, 0, x.shape[0] - 1), lambda: x.unbind(0)[-1], lambda: x.split(1)[0]]
        if x.dim() > 1:
            ways += [lambda: x.t() if x.dim() == 2 else x.transpose(0, 1), lambda: x[:, 0], lambda: x.diagonal(), lambda: x.expand(2, *x.shape)[1]]
        return r.choice(ways)()

    def step_write(self, r, live):
        """Write in place into a value, a view or a base."""
        x = self._some(r, live, written=True)
        if x is None:
            return
        y = self._some(r, live)
        ways = [
            lambda: x.mul_(0.5), lambda: x.add_(1), lambda: x.tanh_(), lambda: x.copy_(y.sum() / (1 + y.numel())), lambda: x.zero_(),
            lambda: x.relu_(), lambda: x.clamp_(-0.5, 0.5), lambda: x.masked_fill_(torch.arange(x.numel()).reshape(x.shape) % 2 == 0, 0.25),
            lambda: x.fill_(y.mean()),
        ]  # fmt: skip
        if y.shape == x.shape:
            ways += [lambda: x.add_(y, alpha=0.5), lambda: x.copy_(y)]
        r.choice(ways)()
        return

    def step_write_into_part(self, r, live):
        """Write into a part of a value by an index."""
        x = self._some(r, live, written=True)
        if x is None or not x.dim() or not x.shape[0]:
            return
        y = self._some(r, live)
        value = r.choice([lambda: 0.3, lambda: y.sum() / (1 + y.numel()), lambda: x[-1].clone() * 2])()
        key = r.choice([0, slice(0, 1), slice(None, None, 2), torch.tensor([0]), -1])
        if r.random() < 0.3:
            x[x > 0.2] = 0.1 if isinstance(value, float) or value.dim() else value
        else:
            x[key] = value
        return

    def step_buffer(self, r, live):
        """Fill memory that was data."""
        x = self._some(r, live)
        z = torch.zeros(2, *x.shape, dtype=x.dtype)
        v = z[1]
        if r.random() < 0.5:
            v.copy_(x)
        else:
            z[0] = x * 2
        if r.random() < 0.5:
            z.mul_(1.5)
        return r.choice([lambda: z, lambda: v, lambda: z.view(-1)])()

    def step_cut(self, r, live):
        """Cut a gradient."""
        x = self._some(r, live)
        if r.random() < 0.5:
            return x + x.detach() * 0.5
        with torch.no_grad():
            y = torch.cos(x)
            y.mul_(0.5)
        return x * y

    def step_unseen_write(self, r, live):
        """Change numbers without autograd knowing."""
        x = self._some(r, live)
        way = r.randrange(2)  # by x.data autograd would not see that what it saved is gone
        if way == 0 and x.grad_fn is not None:
            x.detach().mul_(0.9)
        elif x.grad_fn is not None:
            with torch.no_grad():
                x.mul_(0.8)
        return

    def step_function(self, r, live):
        """Call a custom Function."""
        x = self._some(r, live)
        way = r.randrange(4)
        if way == 0:
            return Scaled.apply(x, torch.tanh(x))
        if way == 1 and x.dim():
            y, total = Filled.apply(x)
            return y * total
        if way == 2:
            y = torch.sin(x)
            InPlace.apply(y)
            return y
        return Scaled.apply(x.reshape(-1), x.reshape(-1).detach())

    def step_checkpoint(self, r, live):
        """Compute a part twice."""
        x = self._some(r, live)
        return checkpoint(lambda t: torch.sin(t * 2) * t, x, use_reentrant=r.random() < 0.3 and x.requires_grad)

    def step_joined(self, r, live):
        """Join and index values."""
        x = self._some(r, live)
        if not x.dim() or x.shape[0] == 0:
            return torch.stack([x, x * 2])
        ways = [
            lambda: torch.cat([x, torch.tanh(x)]), lambda: x[torch.tensor([0, 0])], lambda: x.roll(1, 0), lambda: x.flip(0), lambda: x.cumsum(0),
            lambda: torch.where(x > 0, x, x * 0.1), lambda: x.sum(0, keepdim=True), lambda: x.mean(0), lambda: x.max(0).values,
            lambda: x.sort(0).values, lambda: x.softmax(0), lambda: x.index_add(0, torch.tensor([0]), x[:1]),
        ]  # fmt: skip
        return r.choice(ways)()


def inputs(seed):
    """Return two tensors that require gradients."""
    g = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(s, generator=g, dtype=torch.float64, requires_grad=True) for s in ((3, 2), (4,)))


def refuted(seed):
    """Return "" if the recording of a program reproduces autograd, what is wrong else; None for a program that torch refuses."""
    f = Program(seed)
    xs = inputs(seed)
    try:
        loss = f(*xs)
        gradients = torch.autograd.grad(loss, xs, allow_unused=True)
    except RuntimeError:
        return None
    xs = inputs(seed)  # programs may have written into them
    try:
        recording = gradcheck.record(f, *xs)
    except RuntimeError as error:
        return f"torch refuses it when it is recorded: {error}"
    row = recording.validate()
    if row.verdict != "pass" or recording.coverage.opaque or recording.coverage.computed:
        return f"{row} {recording.coverage}"
    if float(recording.run.loss) != float(loss.detach()):
        return "another loss"
    value, found = float(evaluate(recording.graph, recording.values)), gradcheck.backward(recording.graph, recording.values)[1]
    if not np.isclose(value, float(loss.detach()), rtol=1e-12):
        return f"value {value} for {float(loss.detach())}"
    for k, g in enumerate(gradients):
        name, wanted = f"input{k}", np.zeros(xs[k].shape) if g is None else g.numpy()
        if name in found and not np.array_equal(recording.run.gradients[name], wanted):
            return f"recorded another gradient of {name}"
        if not np.allclose(found.get(name, np.zeros(xs[k].shape)), wanted, rtol=1e-9, atol=1e-11):
            return f"gradient of {name}: {found.get(name)} for {wanted}"
    return ""


if __name__ == "__main__":
    torch.set_num_threads(1)
    counts = {None: 0, "": 0}
    for seed in range(int(sys.argv[1]), int(sys.argv[2])):
        try:
            found = refuted(seed)
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
        counts[found if found in counts else "wrong"] = counts.get(found if found in counts else "wrong", 0) + 1
        if found:
            sys.stdout.write(f"{seed}: {found[:300]}\n")
    sys.stdout.write(f"{counts}\n")
