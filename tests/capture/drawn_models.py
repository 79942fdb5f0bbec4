"""Models nobody chose: families drawn by a seed out of transformers, made small by one rule, recorded and judged as they come.

``python -m tests.capture.drawn_models [--bfloat16] [--train]`` prints the table; ``--list`` what was drawn and why some did not run by themselves.
"""

from __future__ import annotations

import inspect
import random
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from tests.capture import models

SEED, MODELS = 20261201, 40
#: Parameters that a model may have: a certificate of it takes seconds.
MOST = 2_000_000
#: What is asked of a model: the mapping of the library, and the batch of a task.
TASKS: dict[str, Callable[[], dict[str, Any]]] = {
    "MODEL_FOR_CAUSAL_LM": lambda: _language(),
    "MODEL_FOR_MASKED_LM": lambda: _language(),
    "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM": lambda: _language(),
    "MODEL_FOR_IMAGE_CLASSIFICATION": lambda: {"pixel_values": torch.randn(2, 3, 32, 32), "labels": torch.tensor([0, 1])},
    "MODEL_FOR_AUDIO_CLASSIFICATION": lambda: {"input_values": torch.randn(2, 2000), "labels": torch.tensor([0, 1])},
}
#: Settings by the end of their name, smaller than any model has them.
SMALL = (
    (r"vocab_size$", 64), (r"max_position_embeddings$|n_positions$|max_seq_len$|max_sequence_length$", 64), (r"(num|n)_(\w+_)?layers?$|^n_layer$|num_blocks$", 2),
    (r"(hidden_size|d_model|n_embd|embed_dim|embedding_size|dim)$", 32), (r"(intermediate_size|ffn_dim|d_ff|d_inner|ffn_hidden_size|hidden_dim|inner_dim)$", 48),
    (r"num_key_value_heads$", 2), (r"(attention_heads|num_heads|n_heads?)$", 4), (r"head_dim$", 8), (r"(num|n)_(\w+_)?experts$|n_routed_experts$", 4),
    (r"experts_per_tok(en)?$|moe_topk$|top_k$", 2), (r"image_size$", 32), (r"patch_size$", 8), (r"pad_token_id$", 0), (r"bos_token_id$", 1), (r"eos_token_id$", 2),
    (r"decoder_start_token_id$", 1), (r"(q|kv)_lora_rank$", 8), (r"qk_(nope|rope)_head_dim$|v_head_dim$", 8), (r"sliding_window$", 4),
)  # fmt: skip


def _language() -> dict[str, Any]:
    ids = torch.randint(3, 64, (2, 12))
    return {"input_ids": ids, "labels": ids.clone()}


def _known() -> str:
    """Return the source of the lists that are chosen, in which a drawn family must not stand."""
    return "".join(Path(__file__).with_name(f"{name}.py").read_text() for name in ("models", "more_models"))


def drawn() -> list[tuple[str, str, str]]:
    """Return (family, class, task) in the order of the draw."""
    import transformers.models.auto.modeling_auto as auto

    known = _known()
    classes = {}
    for task in TASKS:
        for family, name in getattr(auto, f"{task}_MAPPING_NAMES").items():
            name = name if isinstance(name, str) else name[0]
            if name not in known and not re.search(rf"\b{name.partition('For')[0]}\b", known):
                classes.setdefault(family, (family, name, task))
    return random.Random(SEED).sample(sorted(classes.values()), len(classes))


def small(settings: type) -> Any:
    """Return settings in which every number of a known name is small; lists keep as many entries as there are layers then."""
    named = {k: p.default for k, p in inspect.signature(settings).parameters.items()}
    found = {k: next((v for pattern, v in SMALL if re.search(pattern, k)), None) for k, old in named.items() if old is None or isinstance(old, int | float) or k.endswith("_id")}
    return settings(**{k: v for k, v in found.items() if v is not None and not isinstance(named[k], bool)})


def made(name: str, task: str) -> tuple[Any, dict[str, Any]]:
    """Return the model and its batch."""
    import transformers

    torch.manual_seed(0)
    kind = getattr(transformers, name)
    return kind(small(kind.config_class)), TASKS[task]()


def parameters(name: str, task: str) -> int:
    """Return how many parameters the model would have."""
    with torch.device("meta"):
        return sum(p.numel() for p in made(name, task)[0].parameters())


def loss(model: Any, batch: dict[str, Any]) -> Any:
    """Return what the model answers, which must have a loss that can be differentiated by itself."""
    out = model(**batch)
    out.loss.backward()
    model.zero_grad()
    return out.loss


def runnable() -> Iterator[tuple[str, str, str, str]]:
    """Yield (family, class, task, reason): with reason "" it runs without anybody's help."""
    found = 0
    for family, name, task in drawn():
        try:
            size = parameters(name, task)
            reason = f"{size:,} parameters" if size > MOST else "" if bool(torch.isfinite(loss(*made(name, task)))) else "no finite loss"
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:100]
        found += not reason
        yield family, name, task, reason
        if found == MODELS:
            return


def main() -> None:
    """Print the table of the drawn models, or of the draw."""
    torch.set_num_threads(1)
    say = sys.stdout.write
    for family, name, task, reason in runnable():
        if "--list" in sys.argv:
            say(f"{family:28} {name:44} {reason or 'runs'}\n")
        elif not reason:
            models.MODELS[family] = lambda name=name, task=task: made(name, task)
            try:
                say(models.line(family, dtype=torch.bfloat16 if "--bfloat16" in sys.argv else torch.float32, train="--train" in sys.argv) + "\n")
            except Exception as error:  # a table has all its rows
                say(f"{family:18} {type(error).__name__}: {str(error)[:200]}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
