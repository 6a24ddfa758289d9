"""Attention for heads that are a few numbers wide, fast on a CPU.

Delete this file and call ``torch.nn.functional.scaled_dot_product_attention`` in its place, and only the time changes.
"""

import torch

GROUP = (
    48  # heads whose scores are computed at once on a CPU, so that they stay in its cache: 1.3 MB
)


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
    columns = [
        part.transpose(2, 3).flatten(0, 1) for part in (query, key, value)
    ]  # [n, head_dim, cell]
    mixed = _ColumnAttention.apply(*columns)  # [n, head_dim, n_query]
    return mixed.unflatten(0, query.shape[:2]).transpose(2, 3)


class _ColumnAttention(torch.autograd.Function):
    """Attention over columns: query [n, head_dim, n_query], key and value [n, head_dim, cell]; n = batch * head."""

    @staticmethod
    def forward(ctx, query, key, value):
        query = query * query.shape[1] ** -0.5
        weights = query.new_empty(len(query), query.shape[2], key.shape[2])  # [n, n_query, cell]
        mixed = torch.empty_like(query)
        for some in _groups(query):
            torch.softmax(_products(query[some], key[some]), 2, out=weights[some])
            torch.bmm(value[some], weights[some].transpose(1, 2), out=mixed[some])
        ctx.save_for_backward(query, key, value, mixed, weights)
        return mixed

    @staticmethod
    def backward(ctx, grad):
        query, key, value, mixed, weights = ctx.saved_tensors
        grad_query, grad_key, grad_value = map(torch.empty_like, (query, key, value))
        mean = (grad * mixed).sum(1)[..., None]  # [n, n_query, 1]
        for some in _groups(query):
            torch.bmm(grad[some], weights[some], out=grad_value[some])
            # Through the softmax: each weight's gradient, less their weighted mean, times the weight.
            scores = _products(grad[some], value[some]).sub_(mean[some]).mul_(weights[some])
            torch.bmm(query[some], scores, out=grad_key[some])
            torch.bmm(key[some], scores.transpose(1, 2), out=grad_query[some])
        return grad_query.mul_(query.shape[1] ** -0.5), grad_key, grad_value


def _groups(heads):
    """Slices of the first axis: ``GROUP`` heads each on a CPU, all at once on a GPU."""
    size = GROUP if heads.device.type == "cpu" else len(heads)
    return [slice(at, at + size) for at in range(0, len(heads), size)]


def _products(one, other):
    """[n, head_dim, i], [n, head_dim, j] -> [n, i, j]; where there is nothing to add up, bmm is slow."""
    one = one.transpose(1, 2)
    return one * other if one.shape[2] == 1 else torch.bmm(one, other)
