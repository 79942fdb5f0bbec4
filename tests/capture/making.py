"""Makers of small models from configurations."""

import torch


def language(name, **config):
    """Return a maker of a transformers model for causal or masked language, with its batch."""

    def make():
        import transformers

        settings = getattr(transformers, f"{name.partition(':')[0]}Config")(**config)
        model = getattr(transformers, name.partition(":")[2])(settings)
        return model, {"input_ids": torch.randint(3, config["vocab_size"], (2, 12))}

    return make


def labelled(name, **config):
    """Return a maker of a language model whose loss is that of its own input."""

    def make():
        model, batch = language(name, **config)()
        return model, batch | {"labels": batch["input_ids"].clone()}

    return make


SMALL = {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def vision(name, **config):
    """Return a maker of a transformers model for images."""

    def make():
        import transformers

        settings = getattr(transformers, f"{name.partition(':')[0]}Config")(**config)
        return getattr(transformers, name.partition(":")[2])(settings), {"pixel_values": torch.randn(2, 3, 32, 32), "labels": torch.tensor([0, 1])}

    return make
