"""The file that a trained net is kept in."""

import io
from pathlib import Path

import torch

from .config import Config
from .errors import CheckpointError, file_reason
from .files import write_atomically
from .model import SudokuTransformer

SIZES = ("embedding_dim", "attention_dim", "n_heads", "n_loops", "mlp_ratio")


def save_checkpoint(path, model, metadata):
    """Write the weights, the sizes, and ``metadata`` (plain numbers and strings: where the net comes from)."""
    buffer = io.BytesIO()
    weights = {name: weight.cpu() for name, weight in model.state_dict().items()}
    sizes = {name: getattr(model.config, name) for name in SIZES}
    torch.save({"shape": sizes, "metadata": metadata, "weights": weights}, buffer)
    write_atomically(path, buffer.getvalue())


def load_checkpoint(path, device="cpu"):
    """Read what ``save_checkpoint`` wrote: ``(model, metadata)``, the model ready for use.

    Read with ``weights_only=True``: a file from a stranger can be wrong, but it cannot run code.

    Raises
    ------
    CheckpointError
        No such file, or one that holds something else.
    """
    advice = "train a net with `python -m sudoku_sweep train --save FILE.pt`"
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that is none
        raise CheckpointError(f"no checkpoint {path} ({file_reason(error)}): {advice}") from error
    try:
        saved = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
        with torch.device("meta"):  # takes no memory for weights that the file may not have
            model = SudokuTransformer(Config(**saved["shape"]))
        model.load_state_dict(saved["weights"], assign=True)
        metadata = saved["metadata"]
    # on a damaged file torch.load raises errors of many kinds, struct.error among them
    except Exception as error:
        what = f"{path} is no checkpoint of this package, or is damaged"
        raise CheckpointError(f"{what} ({type(error).__name__}): {advice}") from error
    return model.to(device).eval(), metadata
