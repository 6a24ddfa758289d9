"""The plain net and its boards, trained by PyTorch Lightning: ``pip install -e ".[bench]"``."""

import logging

import lightning
import torch
from torch.utils.data import DataLoader

from benchmarks.plain import PlainTransformer, SudokuDataset


class LightningSudoku(lightning.LightningModule):
    """The plain net with the steps that Lightning asks for; its loss is logged in every step."""

    def __init__(self, config):
        super().__init__()
        self.learning_rate, self.net = config.learning_rate, PlainTransformer(config)

    def training_step(self, batch, _):
        """The loss of one batch."""
        loss = self.net.loss(*batch)
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self):
        """AdamW, as in the other loops."""
        return torch.optim.AdamW(self.parameters(), lr=self.learning_rate)


def fit(config, boards):
    """Train for the config's ``steps_per_epoch`` steps."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.manual_seed(config.seed)
    loader = DataLoader(SudokuDataset(boards, config.seed), config.batch_size, shuffle=True)
    silent = dict(enable_progress_bar=False, enable_model_summary=False, logger=False)
    few = dict(max_steps=config.steps_per_epoch, accelerator="cpu", enable_checkpointing=False)
    lightning.Trainer(**few, **silent).fit(LightningSudoku(config), loader)
