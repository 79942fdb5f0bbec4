"""Real models of tiny configurations with random weights: ``python -m tests.capture.models [NAME...]`` records and judges them, and prints a table."""

import sys
import time
from functools import partial

import torch
from torch import nn

import gradcheck
from tests.capture.making import SMALL, SPECIAL, labelled, vision
from tests.capture.more_models import MORE


def t5():
    """Return an encoder and decoder with relative positions."""
    import transformers

    settings = transformers.T5Config(
        vocab_size=64, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, pad_token_id=0, decoder_start_token_id=0, eos_token_id=1
    )
    ids = torch.randint(2, 64, (2, 10))
    mask = torch.ones_like(ids)
    mask[0, 7:] = 0
    return transformers.T5ForConditionalGeneration(settings), {"input_ids": ids, "attention_mask": mask, "labels": torch.randint(2, 64, (2, 6))}


def whisper():
    """Return a model of speech: convolutions, an encoder, a decoder."""
    import transformers

    settings = transformers.WhisperConfig(
        vocab_size=64, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=48,
        decoder_ffn_dim=48, max_source_positions=32, max_target_positions=32, num_mel_bins=8, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        decoder_start_token_id=1, suppress_tokens=None, begin_suppress_tokens=None,
    )  # fmt: skip
    return transformers.WhisperForConditionalGeneration(settings), {
        "input_features": torch.randn(2, 8, 64), "labels": torch.randint(3, 64, (2, 6)),
    }  # fmt: skip


def wav2vec2():
    """Return a model of speech with weight normalisation, group norm and the CTC loss."""
    import transformers

    settings = transformers.Wav2Vec2Config(
        vocab_size=16, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=48, conv_dim=(16, 16), conv_stride=(4, 2),
        conv_kernel=(8, 3), num_feat_extract_layers=2, num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2, mask_time_prob=0.0,
    )  # fmt: skip
    return transformers.Wav2Vec2ForCTC(settings), {"input_values": torch.randn(2, 400), "labels": torch.randint(1, 16, (2, 5))}


def clip():
    """Return a model of images and text with a contrastive loss."""
    import transformers

    text = {**SMALL, "max_position_embeddings": 16, **SPECIAL}
    vision_ = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 48, "image_size": 32, "patch_size": 8}
    settings = transformers.CLIPConfig(text_config=text, vision_config=vision_, projection_dim=16)
    batch = {"input_ids": torch.randint(3, 64, (2, 8)), "pixel_values": torch.randn(2, 3, 32, 32), "return_loss": True}
    return transformers.CLIPModel(settings), batch


def lstm(bidirectional=False, kind=nn.LSTM):
    """Return a recurrent network with a layer behind it."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.out = kind(5, 6, 2, bidirectional=bidirectional), nn.Linear(6 * (1 + bidirectional), 3)

        def forward(self, x):
            return self.out(self.rnn(x)[0]).square().mean()

    return Net(), {"x": torch.randn(4, 2, 5)}


class Transformer(nn.Module):
    """An encoder and decoder of torch's own."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.core, self.out = nn.Transformer(16, 4, 1, 1, 24, dropout=dropout, batch_first=True), nn.Linear(16, 5)

    def forward(self, x, y):
        """Return the loss of random labels."""
        mask = nn.Transformer.generate_square_subsequent_mask(y.shape[1], dtype=x.dtype)
        return nn.functional.cross_entropy(self.out(self.core(x, y, tgt_mask=mask)).flatten(0, 1), torch.arange(y.shape[0] * y.shape[1]) % 5)


class UNet(nn.Module):
    """Convolutions down and up, with a bridge."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1), nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.d, self.norm = nn.Conv2d(16, 1, 3, padding=1), nn.BatchNorm2d(8)

    def forward(self, x):
        """Return the cross entropy with a mask of the image."""
        a = torch.relu(self.norm(self.a(x)))
        b = torch.relu(self.b(nn.functional.max_pool2d(a, 2)))
        y = self.d(torch.cat([a, self.c(b)], 1))
        return nn.functional.binary_cross_entropy_with_logits(y, (x[:, :1] > 0).to(y.dtype))


class Convolutional(nn.Module):
    """A small classifier of images."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3, groups=4), nn.GroupNorm(2, 8), nn.SiLU(),
            nn.AvgPool2d(2), nn.Dropout(0.2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
        )  # fmt: skip

    def forward(self, x):
        """Return the cross entropy with labels smoothed."""
        return nn.functional.cross_entropy(self.body(x), torch.arange(x.shape[0]) % 4, label_smoothing=0.1)


class Message(nn.Module):
    """A graph network: messages along edges are added up."""

    def __init__(self):
        super().__init__()
        self.edge, self.node = nn.Linear(8, 6), nn.GRUCell(6, 4)

    def forward(self, x, source, target):
        """Return the square of the nodes after two rounds."""
        for _ in range(2):
            m = torch.tanh(self.edge(torch.cat([x[source], x[target]], -1)))
            x = self.node(torch.zeros(x.shape[0], 6, dtype=x.dtype).index_add(0, target, m), x)
        return x.square().sum()


def gaussian_process():
    """Return the marginal likelihood of a Gaussian process."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.log_scale, self.log_noise = nn.Parameter(torch.tensor(0.1)), nn.Parameter(torch.tensor(-1.0))

        def forward(self, x, y):
            k = torch.exp(-((x[:, None] - x[None]) ** 2) / 2 * torch.exp(self.log_scale)) + torch.exp(self.log_noise) * torch.eye(len(x), dtype=x.dtype)
            root = torch.linalg.cholesky(k)
            z = torch.linalg.solve_triangular(root, y[:, None], upper=False)
            return 0.5 * z.square().sum() + torch.log(torch.diagonal(root)).sum()

    return Net(), {"x": torch.linspace(0, 3, 6), "y": torch.randn(6)}


def own(module, **batch):
    """Return a maker of a module of ours."""
    return lambda: (module(), {k: x() for k, x in batch.items()})


IMAGE = partial(torch.randn, 4, 3, 16, 16)
GPT2 = {"vocab_size": 64, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 32, "bos_token_id": 1, "eos_token_id": 2}
MODELS = {
    "llama": labelled("Llama:LlamaForCausalLM", **SMALL, num_key_value_heads=2, **SPECIAL),
    "gpt2": labelled("GPT2:GPT2LMHeadModel", **GPT2),
    "bert": labelled("Bert:BertForMaskedLM", **SMALL, max_position_embeddings=32),
    "vit": vision("ViT:ViTForImageClassification", hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, image_size=32, patch_size=8),
    "mamba": labelled("Mamba:MambaForCausalLM", vocab_size=64, hidden_size=16, num_hidden_layers=2, state_size=4, **SPECIAL),
    "t5": t5,
    "whisper": whisper,
    "wav2vec2": wav2vec2,
    "clip": clip,
    "gemma2": labelled("Gemma2:Gemma2ForCausalLM", **SMALL, num_key_value_heads=2, head_dim=8, **SPECIAL),
    "qwen3": labelled("Qwen3:Qwen3ForCausalLM", **SMALL, num_key_value_heads=2, head_dim=8, **SPECIAL),
    "mixtral": labelled("Mixtral:MixtralForCausalLM", **SMALL, num_key_value_heads=2, num_local_experts=4, **SPECIAL),
    "bloom": labelled("Bloom:BloomForCausalLM", vocab_size=64, hidden_size=32, n_layer=2, n_head=4, **SPECIAL),
    "deberta-v2": labelled("DebertaV2:DebertaV2ForMaskedLM", **SMALL, relative_attention=True, pos_att_type=["p2c", "c2p"], max_position_embeddings=32),
    "xlnet": labelled("XLNet:XLNetLMHeadModel", vocab_size=64, d_model=32, n_layer=2, n_head=4, d_inner=48),
    "rwkv": labelled("Rwkv:RwkvForCausalLM", vocab_size=64, hidden_size=32, num_hidden_layers=2, attention_hidden_size=32, context_length=32),
    "esm": labelled("Esm:EsmForMaskedLM", **SMALL, position_embedding_type="rotary", mask_token_id=3, pad_token_id=0),
    "longformer": labelled("Longformer:LongformerForMaskedLM", **SMALL, attention_window=[4, 4], max_position_embeddings=40, **SPECIAL),
    "mamba2": labelled("Mamba2:Mamba2ForCausalLM", vocab_size=64, hidden_size=16, num_hidden_layers=2, state_size=4, num_heads=4, head_dim=8,
                       n_groups=1, chunk_size=4, **SPECIAL),
    "swinv2": vision("Swinv2:Swinv2ForImageClassification", image_size=32, patch_size=4, embed_dim=16, depths=[1, 1], num_heads=[2, 4], window_size=4),
    "convnextv2": vision("ConvNextV2:ConvNextV2ForImageClassification", hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, image_size=32),
    "segformer": vision("Segformer:SegformerForImageClassification", num_encoder_blocks=2, depths=[1, 1], sr_ratios=[2, 1], hidden_sizes=[16, 32],
                        patch_sizes=[7, 3], strides=[4, 2], num_attention_heads=[2, 4], mlp_ratios=[2, 2], decoder_hidden_size=16),
    "fnet": labelled("FNet:FNetForMaskedLM", **{k: v for k, v in SMALL.items() if k != "num_attention_heads"}, max_position_embeddings=32),
    "lstm": lstm,
    "gru, both ways": partial(lstm, bidirectional=True, kind=nn.GRU),
    "nn.Transformer": own(Transformer, x=partial(torch.randn, 2, 5, 16), y=partial(torch.randn, 2, 4, 16)),
    "unet": own(UNet, x=IMAGE),
    "convolutional": own(Convolutional, x=IMAGE),
    "graph network": own(Message, x=partial(torch.randn, 5, 4), source=lambda: torch.tensor([0, 1, 2, 3, 0, 4]), target=lambda: torch.tensor([1, 2, 0, 0, 3, 3])),
    "gaussian process": gaussian_process,
    **MORE,
}  # fmt: skip


def recorded(name, dtype=torch.float32, train=False, seed=0):
    """Return the recording of a model's run."""
    torch.manual_seed(seed)
    model, batch = MODELS[name]()
    model = model.to(dtype).train(train or name == "rwkv")  # which torch refuses otherwise, recorded or not
    batch = {k: x.to(dtype) if isinstance(x, torch.Tensor) and x.is_floating_point() else x for k, x in batch.items()}
    return gradcheck.record(model, named=batch)


def line(name, **how):
    """Return the row of a model, as text for the table."""
    start = time.perf_counter()
    recording = recorded(name, **how)
    record = time.perf_counter() - start
    row = recording.validate()
    coverage = recording.coverage
    total = coverage.by_rules + coverage.by_differences + coverage.unjudged
    beyond = sum(f.severity == "fault" for f in row.findings)
    return (
        f"{name:18} {row.dtype:17} {len(recording.graph.nodes):5} {row.checks:6} {beyond:4} {row.worst_ratio:8.3g} {coverage.by_rules / total:7.2%} "
        f"{len(coverage.opaque):3} {record:6.2f} {row.seconds:6.2f} {row.verdict} ({row.evidence}) {row.message[:150]}"
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    dtype = next((getattr(torch, a[2:]) for a in sys.argv[1:] if a.startswith("--") and a != "--train"), torch.float32)
    sys.stdout.write("model              formats           nodes checks over    worst covered opq record verdict\n")
    for name in [a for a in sys.argv[1:] if not a.startswith("--")] or MODELS:
        try:
            sys.stdout.write(line(name, dtype=dtype, train="--train" in sys.argv) + "\n")
        except Exception as error:  # a table has all its rows
            sys.stdout.write(f"{name:18} {type(error).__name__}: {str(error)[:200]}\n")
        sys.stdout.flush()
