"""Operations of ATen that are none of a graph, and results that are none of an operation."""

#: Results of these do not depend on the numbers of their operands, or have no derivative.
DATA = {
    "empty_like", "zeros_like", "ones_like", "full_like", "rand_like", "randn_like", "randint_like", "new_empty", "new_zeros", "new_ones",
    "new_full", "new_empty_strided", "bernoulli", "normal", "uniform", "exponential", "multinomial", "sign", "floor", "ceil", "round", "trunc",
    "is_same_size", "sym_size", "sym_stride", "sym_numel",
}  # fmt: skip

#: Their first result is what they are for; the others are what their backward keeps.
AUXILIARY = {
    "native_layer_norm", "native_group_norm", "native_batch_norm", "_native_batch_norm_legit", "_batch_norm_with_update", "_fused_rms_norm",
    "_native_batch_norm_legit_no_training", "_batch_norm_no_update", "_scaled_dot_product_flash_attention_for_cpu", "mkldnn_rnn_layer",
    "_scaled_dot_product_flash_attention", "_scaled_dot_product_efficient_attention", "_scaled_dot_product_attention_math", "nll_loss_forward",
    "nll_loss2d_forward", "log_sigmoid_forward",
}  # fmt: skip

#: What ends the way from operands to results inside of a custom Function, and why: its backward may be no derivative on purpose.
WITHOUT_DERIVATIVE = {
    **dict.fromkeys(("sign", "floor", "ceil", "round", "trunc"), "its forward has steps; say by references= what its backward is meant to be"),
    "_local_scalar_dense": "its forward makes a Python number of a value",
}
