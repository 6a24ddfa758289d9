"""Boards, model, training loop and sweeps behind the notebook ``llm_on_sudoku.ipynb``.

Importing it imports nothing: take what you need, ``from sudoku_sweep import train``.
"""
