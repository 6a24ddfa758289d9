"""Attention for heads that are a few numbers wide, fast on a CPU.

``torch.nn.functional.scaled_dot_product_attention`` in its place gives the same values and gradients, and takes longer.
"""

import torch
from torch.autograd.function import once_differentiable

CHUNK_SIZE = 48  # heads, of all boards, that are computed at once: their weights, 1.3 MB, stay in a CPU's cache


def attention(query, key, value):
    """Scaled dot-product attention, as in "Attention Is All You Need" (arxiv.org/abs/1706.03762), section 3.2.1.

    Parameters
    ----------
    query : float tensor [batch, head, n_query, head_dim]
    key, value : float tensors [batch, head, cell, head_dim]

    Returns
    -------
    float tensor [batch, head, n_query, head_dim]
    """
    # With the cells in the last axis, matrix products have long rows even where a head is three numbers wide.
    # each [n, head_dim, cell]
    transposed = [part.transpose(2, 3).flatten(0, 1) for part in (query, key, value)]
    mixed = _TransposedAttention.apply(*transposed)  # [n, head_dim, n_query]
    return mixed.unflatten(0, query.shape[:2]).transpose(2, 3)


class _TransposedAttention(torch.autograd.Function):
    """Of a query [n, head_dim, n_query], key and value [n, head_dim, cell], where n is batch * head."""

    @staticmethod
    def forward(ctx, query, key, value):
        query = query * query.shape[1] ** -0.5
        weights = query.new_empty(len(query), query.shape[2], key.shape[2])  # [n, n_query, cell]
        mixed = torch.empty_like(query)
        for chunk in _chunks(query):
            torch.softmax(_products(query[chunk], key[chunk]), 2, out=weights[chunk])
            torch.bmm(value[chunk], weights[chunk].transpose(1, 2), out=mixed[chunk])
        ctx.save_for_backward(query, key, value, mixed, weights)
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        query, key, value, mixed, weights = ctx.saved_tensors
        grad_query, grad_key, grad_value = map(torch.empty_like, (query, key, value))
        # Sum over the cells of weight * (grad . value), which is grad . mixed: [n, n_query, 1]
        delta = (grad * mixed).sum(1)[..., None]
        for chunk in _chunks(query):
            torch.bmm(grad[chunk], weights[chunk], out=grad_value[chunk])
            # Through the softmax: each weight's gradient, less their weighted mean, times the weight.
            grad_scores = (
                _products(grad[chunk], value[chunk]).sub_(delta[chunk]).mul_(weights[chunk])
            )
            torch.bmm(query[chunk], grad_scores, out=grad_key[chunk])
            torch.bmm(key[chunk], grad_scores.transpose(1, 2), out=grad_query[chunk])
        # The query was saved scaled, so only its own gradient still needs the scale.
        return grad_query.mul_(query.shape[1] ** -0.5), grad_key, grad_value


def _chunks(heads):
    """Slices of the first axis: ``CHUNK_SIZE`` heads each on a CPU, all at once on a GPU."""
    size = CHUNK_SIZE if heads.device.type == "cpu" else len(heads)
    return [slice(at, at + size) for at in range(0, len(heads), size)]


def _products(one, other):
    """[n, head_dim, i], [n, head_dim, j] -> [n, i, j]; with one number per head, plain multiplication beats bmm."""
    one = one.transpose(1, 2)
    return one * other if one.shape[2] == 1 else torch.bmm(one, other)
