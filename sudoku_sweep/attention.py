"""Attention for heads that are a few numbers wide, fast on a CPU."""

import torch

GROUP = 48  # heads whose attention is computed at once on a CPU: 1.3 MB of scores


class Attention(torch.autograd.Function):
    """Scaled dot-product attention for heads that are a few numbers wide.

    The cells stand last, so that every matrix product has long rows: with narrow heads this is where the time goes.
    Takes queries [n, head_dim, n_asked] and keys and values [2, n, head_dim, cell]; returns what the asked cells
    take up, [n, head_dim, n_asked], and the weights [n, n_asked, cell], which are for looking at only.
    """

    @staticmethod
    def forward(query, key_value):
        key, value = key_value
        query = query * query.shape[1] ** -0.5
        weights = query.new_empty(len(query), query.shape[2], key.shape[2])
        mixed = torch.empty_like(query)
        for some in _groups(query):
            torch.softmax(_outer(query[some], key[some]), 2, out=weights[some])
            torch.bmm(value[some], weights[some].transpose(1, 2), out=mixed[some])
        return mixed, weights

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs, *output)

    @staticmethod
    def backward(ctx, grad, _):
        query, key_value, mixed, weights = ctx.saved_tensors
        grad_query, grad_key_value = torch.empty_like(query), torch.empty_like(key_value)
        (key, value), (grad_key, grad_value) = key_value, grad_key_value
        mean = (grad * mixed).sum(1)[..., None]  # [n, n_asked, 1]
        for some in _groups(query):
            torch.bmm(grad[some], weights[some], out=grad_value[some])
            # Through the softmax: each score's gradient, less their weighted mean, times its weight.
            scores = _outer(grad[some], value[some]).sub_(mean[some]).mul_(weights[some])
            torch.bmm(query[some], scores, out=grad_key[some])
            torch.bmm(key[some], scores.transpose(1, 2), out=grad_query[some])
        scale = query.shape[1] ** -0.5
        grad_key.mul_(scale)
        return grad_query.mul_(scale), grad_key_value


def _groups(heads):
    """Slices of the first axis: on a CPU so many heads that their scores stay in its cache, on a GPU all of them."""
    size = GROUP if heads.device.type == "cpu" else len(heads)
    return [slice(at, at + size) for at in range(0, len(heads), size)]


def _outer(one, other):
    """[n, head_dim, i], [n, head_dim, j] -> [n, i, j]; a matrix product is slow where there is nothing to add up."""
    one = one.transpose(1, 2)
    return one * other if one.shape[2] == 1 else torch.bmm(one, other)
