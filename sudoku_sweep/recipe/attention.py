"""Attention for heads that are a few numbers wide, fast on a CPU.

``torch.nn.functional.scaled_dot_product_attention`` in its place gives the same values and gradients, and takes longer.
"""

import torch

GROUP = 48  # heads whose scores are computed at once: 1.3 MB, which stays in a CPU's cache


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
    columns = [part.transpose(2, 3).flatten(0, 1) for part in (query, key, value)]
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
        # Sum over the cells of weight * (grad . value), which is grad . mixed: [n, n_query, 1]
        mean = (grad * mixed).sum(1)[..., None]
        for some in _groups(query):
            torch.bmm(grad[some], weights[some], out=grad_value[some])
            # Through the softmax: each weight's gradient, less their weighted mean, times the weight.
            grad_scores = _products(grad[some], value[some]).sub_(mean[some]).mul_(weights[some])
            torch.bmm(query[some], grad_scores, out=grad_key[some])
            torch.bmm(key[some], grad_scores.transpose(1, 2), out=grad_query[some])
        # The query was saved scaled, so only its own gradient still needs the scale.
        return grad_query.mul_(query.shape[1] ** -0.5), grad_key, grad_value


def _groups(heads):
    """Slices of the first axis: ``GROUP`` heads each on a CPU, all at once on a GPU."""
    size = GROUP if heads.device.type == "cpu" else len(heads)
    return [slice(at, at + size) for at in range(0, len(heads), size)]


def _products(one, other):
    """[n, head_dim, i], [n, head_dim, j] -> [n, i, j]; with one number per head, plain multiplication beats bmm."""
    one = one.transpose(1, 2)
    return one * other if one.shape[2] == 1 else torch.bmm(one, other)
