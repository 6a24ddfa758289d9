"""The Python blocks of a Markdown text, and the namespace they are run in: that of the notebook."""

import os
import re

import matplotlib.pyplot as plt
import numpy as np
import torch
import wandb

from sudoku_sweep import data, local, sweeps, train
from sudoku_sweep.analysis import tables
from sudoku_sweep.boards import generator
from sudoku_sweep.config import Config

NEEDS_ACCOUNT = "# needs an account"


def blocks(text, language="python"):
    """The fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.M | re.S)


def run_blocks(text, where, namespace, account=False):
    """Run the Python blocks of a text one after the other in one namespace; returns it.

    Either those that need an account, marked in their first line, or all the others.
    """
    for number, block in enumerate(blocks(text), start=1):
        if block.startswith(NEEDS_ACCOUNT) == account:
            exec(compile(block, f"{where}, Python block {number}", "exec"), namespace)
    return namespace


def namespace():
    """What the reader has after Cells 1, 3, 5, 9 and 10 of the notebook, with few boards and a tiny sweep."""
    boards = generator.make_boards(64, seed=31)
    parameters = {"n_heads": {"values": [1, 3]}, "learning_rate": {"value": 1e-3}}
    tiny = sweeps.FULL | {"parameters": parameters}
    budget = dict(embedding_dim=6, attention_dim=6, epochs=1, batch_size=32)

    def train_tiny():
        with wandb.init() as run:
            train.fit(Config(**budget, **run.config), boards, boards, log=run.log)

    sweep_id = local.sweep(tiny, project="tiny")
    local.agent(sweep_id, function=train_tiny)
    names = dict(os=os, plt=plt, np=np, torch=torch, wandb=wandb, tables=tables, data=data)
    names |= dict(local=local, sweeps=sweeps, train=train, Config=Config, backend=local, COUNT=None)
    names |= dict(training=boards, validation=boards, preset=sweeps.choose_preset("quick"))
    return names | dict(sweep_config=tiny, sweep_id=sweep_id, runs=local.runs(sweep_id))
