"""Time and memory of a recorded and certified run of a language model, over those of the run alone, by size."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from gradcheck.bench.clock import quiet, resident
from gradcheck.errors import MissingDependency

#: Parameters, about -> width, inner width, layers and words of the model.
MODELS: Mapping[str, tuple[int, int, int, int]] = {
    "10^6": (128, 352, 4, 1024), "10^7": (320, 864, 6, 4096), "10^8": (768, 2048, 12, 16384),
}  # fmt: skip
TOKENS = (32, 256, 1024)
FORMATS = ("float32", "bfloat16")
#: Runs of each kind, which take turns; the median counts.
RUNS = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """One size.

    Args:
        model: of `MODELS`.
        parameters: how many it has.
        tokens: in one sequence.
        dtype: its format.
        plain: seconds of forward and backward.
        record, certify: seconds of the recording, which runs both, and of its certificate, over these.
        memory: the most memory of both with the model and its gradients, over that of the plain run.
        verdict: of the certificate.
        arrays: that were compared.
    """

    model: str
    parameters: int
    tokens: int
    dtype: str
    plain: float
    record: float
    certify: float
    memory: float | None
    verdict: str
    arrays: int

    @property
    def whole(self) -> float:
        """Recording and certificate over the plain run."""
        return self.record + self.certify


def costs(
    models: Sequence[str] = ("10^6", "10^7"), tokens: Sequence[int] = TOKENS, formats: Sequence[str] = FORMATS, runs: int = RUNS
) -> Iterator[Cost]:
    """Yield the costs of every size, with one thread.

    Args:
        models: out of `MODELS`.
        tokens: lengths of the sequence.
        formats: of parameters and values.
        runs: of each kind.

    Raises:
        MissingDependency: torch is not installed.
    """
    if find_spec("torch") is None:
        raise MissingDependency("torch", "torch")
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for dtype in formats:
            for model in models:
                for count in tokens:
                    yield _cost(model, count, dtype, runs)
    finally:
        torch.set_num_threads(before)


def _cost(model: str, tokens: int, dtype: str, runs: int) -> Cost:
    import torch

    from gradcheck.bench.recorded.language import Language
    from gradcheck.capture.record import record

    torch.manual_seed(0)
    made = Language(*MODELS[model]).to(getattr(torch, dtype))
    ids = torch.randint(MODELS[model][3], (1, tokens))

    def plain() -> None:
        made.zero_grad()
        made(ids).backward()

    plain()
    record(made, ids[:, :4]).validate()  # what is imported once
    made.zero_grad()
    times: list[tuple[float, float, float]] = []
    for _ in range(runs):
        first = _seconds(plain)
        made.zero_grad()
        second, recording = _answered(lambda: record(made, ids))
        third, row = _answered(recording.validate)
        times.append((first, second, third))
        del recording
    seconds, *ratios = (statistics.median(x) for x in ([t[0] for t in times], [t[1] / t[0] for t in times], [t[2] / t[0] for t in times]))
    weights = sum(p.numel() * p.element_size() for p in made.parameters())
    memory = [resident(plain), resident(lambda: (made.zero_grad(), record(made, ids).validate())[1])]
    share = None if None in memory else (weights + (memory[1] or 0)) / (weights + (memory[0] or 0))
    return Cost(model, sum(p.numel() for p in made.parameters()), tokens, dtype, seconds, ratios[0], ratios[1], share, row.verdict, row.checks)


def _seconds(call: Callable[[], Any]) -> float:
    return _answered(call)[0]


def _answered(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that the process computed, whatever else the machine does, and what the call answers."""
    gc.collect()
    with quiet():
        start = time.process_time()
        found = call()
        return time.process_time() - start, found
