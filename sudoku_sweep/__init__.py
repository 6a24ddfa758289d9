"""Boards, model, training loop and sweeps behind the notebook ``llm_on_sudoku.ipynb``.

Importing this package imports neither wandb nor scikit-learn nor matplotlib.
"""
