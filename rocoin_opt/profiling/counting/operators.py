"""What kind of work an operator of PyTorch does, and the FLOP of those that multiply matrices.

Every operator is of one kind: it works value by value or reduces, it moves or makes values, or it has a formula. An
operator of no kind is not known, and whoever counts has to refuse it: most of them do work that nobody sees.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch.utils.flop_counter import flop_registry

if TYPE_CHECKING:
    from torch import Tensor

Formula: TypeAlias = Callable[..., int]
"""From the arguments and the result of an operator to its FLOP, two per multiply-accumulate."""

_ARITHMETIC = """
_adaptive_avg_pool2d _adaptive_avg_pool3d _add_relu _batch_norm_no_update _batch_norm_with_update
_batch_norm_with_update_functional _embedding_bag _embedding_bag_forward_only _fused_rms_norm _log_softmax
_masked_scale _native_batch_norm_legit _native_batch_norm_legit_functional _native_batch_norm_legit_no_training
_prelu_kernel _safe_softmax _softmax _unique _unique2 _unsafe_masked_index_put_accumulate _upsample_bicubic2d_aa
_upsample_bilinear2d_aa _upsample_lanczos2d_aa _upsample_nearest_exact1d _upsample_nearest_exact2d
_upsample_nearest_exact3d _weight_norm_interface adaptive_max_pool2d adaptive_max_pool3d affine_grid_generator
aminmax argsort avg_pool2d avg_pool3d binary_cross_entropy bincount bucketize col2im complex cummax cummin
cumprod cumsum dist fractional_max_pool2d fractional_max_pool3d glu grid_sampler_2d grid_sampler_3d hardswish
histc huber_loss index_add index_reduce isin isnan kthvalue linalg_cross log_sigmoid_forward logcumsumexp
max_pool2d_with_indices max_pool3d_with_indices max_unpool2d max_unpool3d median mode mse_loss nanmedian
native_batch_norm native_dropout native_group_norm native_layer_norm nll_loss2d_forward nll_loss_forward polar
renorm rrelu_with_noise scatter_add scatter_reduce searchsorted segment_reduce smooth_l1_loss sort topk trace
unique_consecutive unique_dim upsample_bicubic2d upsample_bilinear2d upsample_linear1d upsample_nearest1d
upsample_nearest2d upsample_nearest3d upsample_trilinear3d
"""
ARITHMETIC = frozenset(_ARITHMETIC.split())
"""Operators that work value by value, reduce, normalise, pool, sort or resize, without a tag of PyTorch that says so.

By convention none of these counts, as in the literature; they take a few operations for each value that they read.
"""

_MOVEMENT = """
_assert_async _assert_scalar _assert_tensor_metadata _chunk_cat _functional_assert_async _local_scalar_dense
_pack_padded_sequence _pin_memory _reshape_copy _resize_output _to_copy _unsafe_index _unsafe_index_put
_unsafe_masked_index _unsafe_view alias_copy arange as_strided as_strided_copy as_strided_scatter bernoulli
block_diag cat cauchy channel_shuffle clone constant_pad_nd copy detach diag_embed diagonal_copy
diagonal_scatter embedding empty empty_like empty_permuted empty_strided expand_copy exponential eye fill flip
full full_like gather geometric hann_window im2col index index_copy index_fill index_put index_select
is_same_size lift lift_fresh lift_fresh_copy linspace log_normal logspace masked_fill masked_scatter
masked_select multinomial narrow_copy new_empty new_empty_strided new_full new_ones new_zeros nonzero
nonzero_static normal ones ones_like permute_copy pixel_shuffle pixel_unshuffle poisson put rand rand_like
randint randint_like randn randn_like random randperm reflection_pad1d reflection_pad2d reflection_pad3d repeat
repeat_interleave replication_pad1d replication_pad2d replication_pad3d resize resize_as roll rot90
scalar_tensor scatter select_scatter set set_data slice_copy slice_scatter split_copy split_with_sizes_copy
squeeze squeeze_copy stack swapaxes swapdims sym_numel sym_size sym_storage_offset sym_stride t t_copy take
transpose transpose_copy tril tril_indices triu triu_indices unbind_copy unfold_copy uniform unsafe_split
unsafe_split_with_sizes unsqueeze unsqueeze_copy view_copy zero zeros zeros_like
"""
MOVEMENT = frozenset(_MOVEMENT.split())
"""Operators that move, choose, repeat or make values, and multiply none."""

OUTSIDE = ("prim", "profiler")
"""Namespaces of operators that ask for a property, or mark a time."""


def flops_of(operator: Any, arguments: tuple[Any, ...], keywords: dict[str, Any], result: Any) -> int | None:
    """FLOP of one call of an operator; None where nobody knows them.

    Parameters
    ----------
    operator : OpOverload
        What was called.
    arguments, keywords : tuple, dict
        What it was called with.
    result : Tensor or sequence of Tensor
        What it gave.
    """
    formula = _formula(operator)
    if formula is not None:
        count = int(formula(*arguments, **keywords, out_val=result))
        first = result[0] if isinstance(result, tuple | list) else result
        # A product of complex numbers takes four of real ones.
        return 4 * count if first.is_complex() else count
    return 0 if _is_free(operator) else None


def is_composite(operator: Any) -> bool:
    """Whether an operator is a sequence of others, which are then looked at one by one."""
    return _formula(operator) is None and bool(operator._can_decompose())


@cache
def _formula(operator: Any) -> Formula | None:
    packet = operator.overloadpacket
    if packet in flop_registry:
        formula: Formula = flop_registry[packet]
        return formula
    return FORMULAS.get(str(packet))


@cache
def _is_free(operator: Any) -> bool:
    packet = operator.overloadpacket
    namespace, _, name = str(packet).partition(".")
    if namespace in OUTSIDE or operator.is_view:
        return True
    if namespace != "aten":
        return False
    plain = name.rstrip("_") if not name.startswith("__") else name
    if plain in ARITHMETIC or plain in MOVEMENT:
        return True
    # Some overloads lack the tag that others of the same name have.
    tags = {tag for overload in packet.overloads() for tag in getattr(packet, overload).tags}
    return bool({torch.Tag.pointwise, torch.Tag.reduction} & tags)


def _matrix_vector(matrix: Tensor, _vector: Tensor, **_: Any) -> int:
    return 2 * matrix.numel()


def _added_matrix_vector(_start: Tensor, matrix: Tensor, _vector: Tensor, **_: Any) -> int:
    return 2 * matrix.numel()


def _inner(one: Tensor, _other: Tensor, **_: Any) -> int:
    return 2 * one.numel()


def _outer(_start: Tensor, one: Tensor, other: Tensor, **_: Any) -> int:
    return 2 * one.numel() * other.numel()


def _whole_numbers(one: Tensor, other: Tensor, **_: Any) -> int:
    return 2 * one.numel() * other.shape[1]


def _added_product(_start: Tensor, one: Tensor, other: Tensor, **_: Any) -> int:
    return 2 * one.numel() * other.shape[-1]


def _attention(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> int:
    """Scores, and the sum that they weigh; a mask leaves nothing out, as kernels may compute all of it."""
    rows, columns = math.prod(query.shape[:-1]), key.shape[-2]
    return 2 * rows * columns * (query.shape[-1] + value.shape[-1])


FORMULAS: dict[str, Formula] = {
    "aten.mv": _matrix_vector,
    "aten.addmv": _added_matrix_vector,
    "aten.addmv_": _added_matrix_vector,
    "aten.dot": _inner,
    "aten.vdot": _inner,
    "aten.addr": _outer,
    "aten.addr_": _outer,
    "aten._int_mm": _whole_numbers,
    "aten.addmm_": _added_product,
    "aten.addbmm": _added_product,
    "aten.addbmm_": _added_product,
    "aten.baddbmm_": _added_product,
    "aten._addmm_activation": _added_product,
    "aten._scaled_dot_product_flash_attention_for_cpu": _attention,
    "aten._scaled_dot_product_fused_attention_overrideable": _attention,
}
"""What PyTorch's own registry of formulas leaves out."""
