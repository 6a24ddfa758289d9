import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from sudoku_sweep.attention import GROUP, attention


@pytest.mark.parametrize("head_dim, n_query", [(1, 81), (4, 30), (12, 1), (3, 0)])
def test_attention_is_that_of_pytorch_and_so_are_its_gradients(head_dim, n_query):
    numbers = torch.Generator().manual_seed(0)
    shape, kind = (GROUP // 3 + 1, 3), dict(generator=numbers, dtype=torch.float64)  # two groups
    query, key, value = (
        torch.randn(*shape, n, head_dim, requires_grad=True, **kind) for n in (n_query, 81, 81)
    )
    weight = torch.randn(*shape, n_query, head_dim, **kind)
    ours, theirs = attention(query, key, value), scaled_dot_product_attention(query, key, value)
    assert torch.allclose(ours, theirs)
    inputs = (query, key, value)
    our_gradients = torch.autograd.grad((ours * weight).sum(), inputs)
    their_gradients = torch.autograd.grad((theirs * weight).sum(), inputs)
    for one, other in zip(our_gradients, their_gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-12)
