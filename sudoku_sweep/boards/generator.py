"""Boards with exactly one solution each, made from nothing but a seed."""

import numpy as np

from ..errors import BoardError
from . import rules
from .rules import ALL_DIGITS, N_DIGITS, NTH_DIGIT, PEERS, UNITS, UNITS_OF, Boards

CHUNK = 1000


def _fill_grids(n, rng):
    """Fill ``n`` empty grids at once; return those that came out whole, uint8 [m, 81], m <= n.

    Always the cell with the fewest candidates, then one of its candidates at random. About half of the
    grids get stuck in a cell without candidates; they are dropped, never repaired.
    """
    grids = np.zeros((n, 81), dtype=np.uint8)
    candidates = np.full((n, 81), ALL_DIGITS, dtype=np.uint16)  # digits no peer holds
    # in [0, 1): breaks ties between equally constrained cells
    priority = rng.random((n, 81), dtype=np.float32)
    for _ in range(81):
        cell = (N_DIGITS[candidates] + priority).argmin(1)
        options = candidates[np.arange(len(grids)), cell]
        whole = options > 0
        if not whole.all():
            grids, candidates, priority = grids[whole], candidates[whole], priority[whole]
            cell, options = cell[whole], options[whole]
        board = np.arange(len(grids))
        nth = (rng.random(len(grids)) * N_DIGITS[options]).astype(np.intp)
        digit = NTH_DIGIT[options, nth]
        grids[board, cell] = digit
        bit = np.uint16(1) << (digit - 1)
        candidates[board[:, None], PEERS[cell]] &= ~bit[:, None]
        priority[board, cell] = np.inf  # filled: never the smallest again
    return grids


def _remove_clues(grids, clues, rng):
    """Blank cells of solved grids [board, 81] so that each keeps exactly one solution.

    Cells are visited in random order. A cell is blanked only if its digit is then a *hidden single*: within
    its row, its column or its box, no other blank could take that digit. Read backwards, the order in which
    the cells were blanked is a solution by hidden singles from the clues that are left, so it is the only one.
    ``clues`` [board] is how many clues each board aims at; boards that cannot get there keep more.
    """
    quizzes = grids.copy()
    seen = np.full((len(grids), 27), ALL_DIGITS, dtype=np.uint16)  # digits present in each unit
    n_clues = np.full(len(grids), 81)
    order = rng.random(grids.shape).argsort(axis=1, kind="stable")
    for visit in range(81):
        board = np.flatnonzero(n_clues > clues)
        cell = order[board, visit]
        bit = np.uint16(1) << (quizzes[board, cell] - 1)
        units = UNITS_OF[cell]  # [board, 3]
        seen[board[:, None], units] ^= bit[:, None]  # take the digit away, on trial
        others = UNITS[units]  # [board, 3, 9]
        each = board[:, None, None]
        taken = (
            seen[each, rules.ROW[others]]
            | seen[each, 9 + rules.COLUMN[others]]
            | seen[each, 18 + rules.BOX[others]]
        )
        # the cell itself is still filled
        closed = (quizzes[each, others] > 0) | (taken & bit[:, None, None] > 0)
        single = closed.all(2).any(1)
        seen[board[~single, None], units[~single]] |= bit[~single, None]
        quizzes[board[single], cell[single]] = 0
        n_clues[board[single]] -= 1
    return quizzes


def make_boards(n, seed, clues=(30, 60)):
    """Make ``n`` boards with exactly one solution each, from nothing but a seed.

    Parameters
    ----------
    n : int
        Number of boards. The first boards of a larger set are those of a smaller one.
    seed : int
        Same seed, same boards.
    clues : (int, int)
        The number of clues aimed at is drawn uniformly from this range, bounds included. A board that
        cannot lose so many (few go below 32) keeps more clues.

    Returns
    -------
    Boards
        One independent solved grid per board.
    """
    low, high = clues
    if n < 0 or seed < 0:
        raise BoardError(f"cannot make {n} boards from seed {seed}: both must be 0 or more")
    if not 17 <= low <= high <= 81:
        raise BoardError(f"clues={clues}: give (fewest, most) with 17 <= fewest <= most <= 81")
    chunks = [_make_chunk(seed, chunk, low, high) for chunk in range(-(-n // CHUNK))]
    empty = Boards(np.zeros((0, 81), np.uint8), np.zeros((0, 81), np.uint8))
    return Boards(*map(np.concatenate, zip(empty, *chunks, strict=True))).first(n)


def _make_chunk(seed, chunk, low, high):
    rng = np.random.default_rng([seed, chunk])
    grids = np.zeros((0, 81), np.uint8)
    while len(grids) < CHUNK:
        grids = np.concatenate([grids, _fill_grids(2 * CHUNK, rng)])
    grids = grids[:CHUNK]
    target = low + (rng.random(CHUNK) * (high - low + 1)).astype(int)
    return Boards(_remove_clues(grids, target, rng), grids)
