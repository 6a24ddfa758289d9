"""The training loop as PyTorch tutorials write it: what this project's is measured against.

The boards, their augmentation, depth, batch size, number of heads and the MLP's ratio are the project's. The rest is
what one finds: ``Dataset.__getitem__`` and ``DataLoader``, ``nn.TransformerEncoder`` of width ``attention_dim`` with
learned positions, logits for all 81 cells, the loss over the blank ones, ``.item()`` in every step.
"""

from itertools import islice

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset


class SudokuDataset(Dataset):
    """Boards one by one: digits renamed, a random share of the blanks filled in."""

    def __init__(self, boards, seed):
        self.boards, self.rng = boards, np.random.default_rng(seed)

    def __len__(self):
        return len(self.boards.quizzes)

    def __getitem__(self, index):
        names = np.concatenate([[0], self.rng.permutation(9) + 1])
        quiz, solution = names[self.boards.quizzes[index]], names[self.boards.solutions[index]]
        reveal = self.rng.random(81) < self.rng.random()
        return torch.from_numpy(np.where(reveal, solution, quiz)), torch.from_numpy(solution)


class PlainTransformer(nn.Module):
    """Digit and position embeddings added, standard encoder layers (dropout and all), nine logits per cell."""

    def __init__(self, config, dropout=0.1):
        super().__init__()
        width = config.attention_dim
        self.token_embedding = nn.Embedding(10, width)
        self.position_embedding = nn.Embedding(81, width)
        layer = nn.TransformerEncoderLayer(
            width,
            config.n_heads,
            config.mlp_ratio * width,
            dropout,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(layer, config.n_loops, enable_nested_tensor=False)
        self.head = nn.Linear(width, 9)

    def forward(self, quizzes):
        """[batch, 81] -> [batch, 81, digit]."""
        positions = torch.arange(81, device=quizzes.device)
        x = self.token_embedding(quizzes) + self.position_embedding(positions)
        return self.head(self.encoder(x))

    def loss(self, quizzes, solutions):
        """Mean cross-entropy of the blank cells."""
        blank = quizzes == 0
        return F.cross_entropy(self(quizzes)[blank], solutions[blank] - 1)


def steps(config, boards, dropout=0.1):
    """Train without end, at the config's constant rate; yields the net and its loss after every step."""
    torch.manual_seed(config.seed)
    model = PlainTransformer(config, dropout)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate)
    loader = DataLoader(SudokuDataset(boards, config.seed), config.batch_size, shuffle=True)
    while True:
        for quizzes, solutions in loader:
            optimizer.zero_grad()
            loss = model.loss(quizzes, solutions)
            loss.backward()
            optimizer.step()
            yield model, loss.item()


def fit(config, boards, dropout=0.1):
    """Train for the config's ``steps_per_epoch`` steps; returns the loss of every step."""
    return [loss for _, loss in islice(steps(config, boards, dropout), config.steps_per_epoch)]
