"""More real models, each recorded for the first time after the recorder was made; ``python -m tests.capture.models`` has them too."""

import torch

from tests.capture.making import SMALL, SPECIAL, labelled, vision


def bart():
    """Return an encoder and decoder with padding."""
    import transformers

    settings = transformers.BartConfig(
        vocab_size=64, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=48,
        decoder_ffn_dim=48, max_position_embeddings=32, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
    )  # fmt: skip
    ids = torch.randint(3, 64, (2, 8))
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    return transformers.BartForConditionalGeneration(settings), {"input_ids": ids, "attention_mask": mask, "labels": torch.randint(3, 64, (2, 6))}


def wavlm():
    """Return a model of speech with gated relative positions."""
    import transformers

    settings = transformers.WavLMConfig(
        vocab_size=16, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=48, conv_dim=(16, 16), conv_stride=(4, 2),
        conv_kernel=(8, 3), num_feat_extract_layers=2, num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2, mask_time_prob=0.0,
    )  # fmt: skip
    return transformers.WavLMForSequenceClassification(settings), {"input_values": torch.randn(2, 400), "labels": torch.tensor([0, 1])}


def patchtst():
    """Return a model of time series in patches."""
    import transformers

    settings = transformers.PatchTSTConfig(
        num_input_channels=2, context_length=16, patch_length=4, patch_stride=4, prediction_length=4, d_model=16, num_hidden_layers=1,
        num_attention_heads=2, ffn_dim=24,
    )  # fmt: skip
    return transformers.PatchTSTForPrediction(settings), {"past_values": torch.randn(3, 16, 2), "future_values": torch.randn(3, 4, 2)}


MORE = {
    "roberta": labelled("Roberta:RobertaForMaskedLM", **SMALL, max_position_embeddings=40, **SPECIAL),
    "albert": labelled("Albert:AlbertForMaskedLM", **SMALL, embedding_size=16, max_position_embeddings=32),
    "distilbert": labelled("DistilBert:DistilBertForMaskedLM", vocab_size=64, dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=32),
    "electra": labelled("Electra:ElectraForMaskedLM", **SMALL, embedding_size=16, max_position_embeddings=32),
    "opt": labelled("OPT:OPTForCausalLM", vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, ffn_dim=48, max_position_embeddings=32, word_embed_proj_dim=32, **SPECIAL),
    "gpt_neox": labelled("GPTNeoX:GPTNeoXForCausalLM", **SMALL, max_position_embeddings=32, **SPECIAL),
    "gpt_neo": labelled("GPTNeo:GPTNeoForCausalLM", vocab_size=64, hidden_size=32, num_layers=2, num_heads=4, attention_types=[[["global", "local"], 1]], window_size=4, max_position_embeddings=32, **SPECIAL),
    "gptj": labelled("GPTJ:GPTJForCausalLM", vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=32, rotary_dim=4, **SPECIAL),
    "falcon": labelled("Falcon:FalconForCausalLM", vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, **SPECIAL),
    "phi": labelled("Phi:PhiForCausalLM", **SMALL, **SPECIAL),
    "mistral": labelled("Mistral:MistralForCausalLM", **SMALL, num_key_value_heads=2, sliding_window=4, **SPECIAL),
    "stablelm": labelled("StableLm:StableLmForCausalLM", **SMALL, num_key_value_heads=2, **SPECIAL),
    "cohere": labelled("Cohere:CohereForCausalLM", **SMALL, num_key_value_heads=2, **SPECIAL),
    "olmo": labelled("Olmo:OlmoForCausalLM", **SMALL, **SPECIAL),
    "mpt": labelled("Mpt:MptForCausalLM", vocab_size=64, d_model=32, n_heads=4, n_layers=2, max_seq_len=32),
    "codegen": labelled("CodeGen:CodeGenForCausalLM", vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=32, rotary_dim=4, **SPECIAL),
    "deepseek_v3": labelled("DeepseekV3:DeepseekV3ForCausalLM", **SMALL, num_key_value_heads=4, n_routed_experts=4, num_experts_per_tok=2, moe_intermediate_size=16, kv_lora_rank=8, q_lora_rank=8, qk_rope_head_dim=4, qk_nope_head_dim=4, v_head_dim=8, n_group=2, topk_group=1, first_k_dense_replace=1, **SPECIAL),
    "gemma3": labelled("Gemma3Text:Gemma3ForCausalLM", **SMALL, num_key_value_heads=2, head_dim=8, sliding_window=4, **SPECIAL),
    "bigbird": labelled("BigBird:BigBirdForMaskedLM", **SMALL, max_position_embeddings=32, attention_type="original_full", **SPECIAL),
    "funnel": labelled("Funnel:FunnelForMaskedLM", vocab_size=64, d_model=32, n_head=4, d_head=8, d_inner=48, block_sizes=[1, 1], num_decoder_layers=1),
    "convbert": labelled("ConvBert:ConvBertForMaskedLM", **SMALL, embedding_size=16, max_position_embeddings=32),
    "mobilebert": labelled("MobileBert:MobileBertForMaskedLM", **SMALL, embedding_size=32, intra_bottleneck_size=32, max_position_embeddings=32),
    "roformer": labelled("RoFormer:RoFormerForMaskedLM", **SMALL, embedding_size=32, max_position_embeddings=32),
    "nystromformer": labelled("Nystromformer:NystromformerForMaskedLM", **SMALL, max_position_embeddings=32, num_landmarks=4, segment_means_seq_len=12, **SPECIAL),
    "yoso": labelled("Yoso:YosoForMaskedLM", **SMALL, max_position_embeddings=32, use_expectation=True, **SPECIAL),
    "deit": vision("DeiT:DeiTForImageClassification", hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, image_size=32, patch_size=8),
    "resnet": vision("ResNet:ResNetForImageClassification", embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic"),
    "mobilenetv2": vision("MobileNetV2:MobileNetV2ForImageClassification", image_size=32, depth_multiplier=0.25, depth_divisible_by=4, min_depth=4),
    "swin": vision("Swin:SwinForImageClassification", image_size=32, patch_size=4, embed_dim=16, depths=[2, 1], num_heads=[2, 4], window_size=4),
    "convnext": vision("ConvNext:ConvNextForImageClassification", hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, image_size=32),
    "dinov2": vision("Dinov2:Dinov2ForImageClassification", hidden_size=32, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8),
    "poolformer": vision("PoolFormer:PoolFormerForImageClassification", depths=[1, 1], hidden_sizes=[8, 16], patch_sizes=[7, 3], strides=[4, 2], padding=[2, 1], num_encoder_blocks=2),
    "beit": vision("Beit:BeitForImageClassification", hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, image_size=32, patch_size=8, use_relative_position_bias=True),
    "regnet": vision("RegNet:RegNetForImageClassification", embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], groups_width=4),
    "bit": vision("Bit:BitForImageClassification", embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], num_groups=4),
    "focalnet": vision("FocalNet:FocalNetForImageClassification", image_size=32, embed_dim=16, depths=[1, 1], focal_levels=[2, 2], focal_windows=[3, 3]),
    "pvt": vision("Pvt:PvtForImageClassification", image_size=32, hidden_sizes=[16, 16, 16, 16], depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 2, 2], sequence_reduction_ratios=[2, 1, 1, 1]),
    "bart": bart, "wavlm": wavlm, "patchtst": patchtst,
}  # fmt: skip
