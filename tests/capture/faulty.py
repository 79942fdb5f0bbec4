"""Models with one custom Function whose backward has a usual mistake, at some depth."""

import math

import torch
from torch import nn
from torch.autograd import Function


def _slope(x):
    return 0.5 * (1 + torch.erf(x / math.sqrt(2))) + x * torch.exp(-x * x / 2) / math.sqrt(math.pi)


class Gelu(Function):
    """pi for 2 pi."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * _slope(x)


class RmsNorm(Function):
    """The root mean square is taken for a constant."""

    @staticmethod
    def forward(ctx, x, w):
        r = torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)
        ctx.save_for_backward(x, w, r)
        return x * r * w

    @staticmethod
    def backward(ctx, g):
        x, w, r = ctx.saved_tensors
        return g * w * r, (g * x * r).flatten(0, -2).sum(0)


class LayerNorm(Function):
    """The mean is taken for a constant."""

    @staticmethod
    def forward(ctx, x, eps):
        c = x - x.mean(-1, keepdim=True)
        r = torch.rsqrt(c.square().mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(c, r)
        return c * r

    @staticmethod
    def backward(ctx, g):
        c, r = ctx.saved_tensors
        n = c * r
        return r * (g - n * (g * n).mean(-1, keepdim=True)), None


class Gate(Function):
    """The slope of the gate lacks a term."""

    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a * torch.sigmoid(a) * b

    @staticmethod
    def backward(ctx, g):
        a, b = ctx.saved_tensors
        s = torch.sigmoid(a)
        return g * b * s, g * a * s


class Softmax(Function):
    """The diagonal of the Jacobian alone."""

    @staticmethod
    def forward(ctx, x):
        p = torch.softmax(x, -1)
        ctx.save_for_backward(p)
        return p

    @staticmethod
    def backward(ctx, g):
        (p,) = ctx.saved_tensors
        return g * p * (1 - p)


class Attention(Function):
    """The row sums are missing."""

    @staticmethod
    def forward(ctx, q, k, v):
        p = torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), -1)
        ctx.save_for_backward(q, k, v, p)
        return p @ v

    @staticmethod
    def backward(ctx, g):
        q, k, v, p = ctx.saved_tensors
        d = p * (g @ v.mT) / math.sqrt(q.shape[-1])
        return d @ k, d.mT @ q, p.mT @ g


class Linear(Function):
    """The gradient of the bias is a mean."""

    @staticmethod
    def forward(ctx, x, w, b):
        ctx.save_for_backward(x, w)
        return x @ w.t() + b

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        rows = g.flatten(0, -2)
        return g @ w, rows.t() @ x.flatten(0, -2), rows.mean(0)


class Clip(Function):
    """The gradient passes where the value was clipped."""

    @staticmethod
    def forward(ctx, x, low, high):
        return x.clamp(low, high)

    @staticmethod
    def backward(ctx, g):
        return g, None, None


class Rotate(Function):
    """Turned forwards for backwards."""

    @staticmethod
    def forward(ctx, x):
        a, b = x.chunk(2, -1)
        return torch.cat([0.8 * a - 0.6 * b, 0.6 * a + 0.8 * b], -1)

    @staticmethod
    def backward(ctx, g):
        a, b = g.chunk(2, -1)
        return torch.cat([0.8 * a - 0.6 * b, 0.6 * a + 0.8 * b], -1)


class Scale(Function):
    """The factor is applied twice."""

    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return x * factor

    @staticmethod
    def backward(ctx, g):
        return g * ctx.factor**2, None


class Cumulative(Function):
    """Summed from the front for from the back."""

    @staticmethod
    def forward(ctx, x):
        return x.cumsum(-1)

    @staticmethod
    def backward(ctx, g):
        return g.cumsum(-1)


class Pick(Function):
    """Repeated indices: the last gradient wins."""

    @staticmethod
    def forward(ctx, x, index):
        ctx.save_for_backward(index)
        ctx.width = x.shape[-1]
        return x[..., index]

    @staticmethod
    def backward(ctx, g):
        (index,) = ctx.saved_tensors
        out = g.new_zeros(*g.shape[:-1], ctx.width)
        out[..., index] = g
        return out, None


class Tanh(Function):
    """A factor of 1.001."""

    @staticmethod
    def forward(ctx, x):
        y = torch.tanh(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return 1.001 * g * (1 - y * y)


class Part(nn.Module):
    """Applies a Function to (..., width), which keeps its shape."""

    def __init__(self, function, width):
        super().__init__()
        self.function = function
        self.w, self.b = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.project = nn.Linear(width, width)
        self.index = torch.arange(width) // 2

    def forward(self, x):
        apply = self.function.apply
        calls = {
            RmsNorm: lambda: apply(x, self.w), LayerNorm: lambda: apply(x, 1e-5), Gate: lambda: apply(x, self.project(x)),
            Attention: lambda: apply(x, self.project(x), x), Linear: lambda: apply(x, self.project.weight, self.b),
            Clip: lambda: apply(x, -0.5, 0.5), Scale: lambda: apply(x, 0.7), Pick: lambda: apply(x, self.index),
        }  # fmt: skip
        return calls.get(self.function, lambda: apply(x))()


class Convolutional(nn.Module):
    """Images, batch norm, the part over channels, a mean."""

    def __init__(self, part):
        super().__init__()
        self.first, self.norm, self.part, self.last = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), part, nn.Linear(8, 4)

    def forward(self, x):
        y = torch.relu(self.norm(self.first(x))).flatten(2).mT + 0.1 * self.first(x).flatten(2).mT
        return self.last(self.part(y)).square().mean()


class Recurrent(nn.Module):
    """An LSTM, the part, a loss."""

    def __init__(self, part):
        super().__init__()
        self.rnn, self.part, self.last = nn.LSTM(5, 8, batch_first=True), part, nn.Linear(8, 2)

    def forward(self, x):
        return torch.nn.functional.smooth_l1_loss(self.last(self.part(3 * self.rnn(x)[0])), x[..., :2])


class Stacked(nn.Module):
    """Layers with the part in the middle, beside a residual."""

    def __init__(self, part):
        super().__init__()
        self.first, self.part, self.second, self.last = nn.Linear(12, 8), part, nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        h = self.first(x)
        return torch.logsumexp(self.last(torch.tanh(self.second(self.part(h))) + h), -1).sum()


class Encoder(nn.Module):
    """A layer of a transformer before the part, and one behind."""

    def __init__(self, part):
        super().__init__()
        self.before, self.after = (nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True) for _ in range(2))
        self.part = part

    def forward(self, x):
        return self.after(self.part(self.before(x))).pow(3).mean()


FUNCTIONS = (Gelu, RmsNorm, LayerNorm, Gate, Softmax, Attention, Linear, Clip, Rotate, Scale, Cumulative, Pick, Tanh)
HOSTS = {Stacked: (6, 12), Convolutional: (2, 3, 5, 5), Recurrent: (3, 6, 5), Encoder: (2, 7, 8)}


def model(function, host):
    """Return a model with a Function inside, and its input."""
    torch.manual_seed(0)
    return host(Part(function, 8)), torch.randn(HOSTS[host])
