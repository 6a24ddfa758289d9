"""``python -m sudoku_sweep``: the same steps as the notebook's, from the shell. One file per command."""
