"""Sudoku boards: make them, read and write them, check them, augment them.

A board is 81 digits read row by row, 0 for a blank. Many boards are one uint8 array [board, cell].
"""

import csv
import hashlib
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from .errors import BoardError
from .files import write_atomically

DATA_DIR = Path(__file__).resolve().parent.parent / "data"
SPLIT_SEEDS = {"train": 0, "validation": 1, "test": 2}
SPLIT_SIZES = {"train": 20_000, "validation": 2_000, "test": 2_000}  # boards

CELL = np.arange(81)
ROW, COLUMN = CELL // 9, CELL % 9
BOX = ROW // 3 * 3 + COLUMN // 3
# [cell, 3]: its row, column and box, as units 0-26
UNITS_OF = np.stack([ROW, 9 + COLUMN, 18 + BOX], axis=1)
# [unit, 9]: the cells of each unit
UNITS = np.stack([CELL[(unit == UNITS_OF).any(1)] for unit in range(27)])
PEERS = np.stack([np.setdiff1d(UNITS[UNITS_OF[cell]], cell) for cell in CELL])  # [cell, 20]

ALL_DIGITS = 0b111_111_111  # digit d is bit d - 1
N_DIGITS = np.array([bits.bit_count() for bits in range(512)], dtype=np.uint8)
NTH_DIGIT = np.array(  # [bits, n]: the n-th digit among the set bits, 0 past the last
    [([d for d in range(1, 10) if bits >> (d - 1) & 1] + [0] * 9)[:9] for bits in range(512)],
    dtype=np.uint8,
)
HEADER = b"quizzes,solutions\n"
CHUNK = 1000


class Boards(NamedTuple):
    """Quizzes with their solutions, both uint8 arrays [board, cell]."""

    quizzes: np.ndarray
    solutions: np.ndarray

    def first(self, n):
        """The first ``n`` boards (all of them if ``n`` is None)."""
        if n is not None and n < 0:
            raise BoardError(f"cannot take the first {n} boards: the number must be 0 or more")
        return Boards(self.quizzes[:n], self.solutions[:n])


# --- making boards ----------------------------------------------------------------------------------------


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


def _pluck(grids, clues, rng):
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
            seen[each, ROW[others]] | seen[each, 9 + COLUMN[others]] | seen[each, 18 + BOX[others]]
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
        cannot be thinned that far (few go below 32) keeps more clues.

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
    return Boards(_pluck(grids, target, rng), grids)


def made_boards(n, seed, clues=(30, 60), folder=DATA_DIR / "made"):
    """``make_boards``, kept in a file: see ``kept``."""
    name = f"boards_seed{seed}_n{n}_clues{clues[0]}-{clues[1]}.csv"
    return kept(Path(folder) / name, lambda: make_boards(n, seed, clues))


def kept(path, make):
    """The boards in a file, which ``make()`` gives if it is not there: made on first use, read afterwards.

    The file has its SHA-256 beside it. A file that does not match (cut short, edited) is made again, with a
    line that says so. Several processes may ask at once: each file is renamed into place whole.
    """
    checksum = path.with_suffix(".sha256")
    if path.exists():
        if checksum.exists() and checksum.read_bytes().strip() == _sha256(path.read_bytes()):
            return load_boards(path)
        print(f"{path.name} does not match its checksum: making it again")
    boards = make()
    content = boards_to_csv(boards)
    # The checksum first: whoever finds the file finds what to compare it with.
    write_atomically(checksum, _sha256(content))
    write_atomically(path, content)
    return boards


def _sha256(content):
    return hashlib.sha256(content).hexdigest().encode()


# --- reading, writing, checking ---------------------------------------------------------------------------


def boards_to_csv(boards):
    """The boards as CSV, in bytes: header ``quizzes,solutions``, two times 81 digits a line."""
    rows = np.empty((len(boards.quizzes), 164), dtype=np.uint8)
    rows[:, :81] = boards.quizzes + ord("0")
    rows[:, 81] = ord(",")
    rows[:, 82:163] = boards.solutions + ord("0")
    rows[:, 163] = ord("\n")
    return HEADER + rows.tobytes()


def load_boards(path):
    """Read a CSV file with columns ``quizzes`` and ``solutions``, and check every board.

    The layout is that of the well-known Kaggle set "1 million Sudoku games", so its file, unpacked, can be used as is.
    Rows of fixed width are read as one block; any other CSV with those columns is read row by row.

    Raises
    ------
    BoardError
        A missing file or column, a wrong length, a character that is no digit, a clue that contradicts the
        solution, a solution that breaks a rule. The message names file, line and cell.
    """
    path = Path(path)
    if not path.is_file():
        raise BoardError(f"no file {path}: make one with `python -m sudoku_sweep data`")
    raw = path.read_bytes()
    body = np.frombuffer(raw, dtype=np.uint8, offset=min(len(HEADER), len(raw)))
    if raw.startswith(HEADER) and len(body) % 164 == 0:
        rows = body.reshape(-1, 164)
        if (rows[:, 81] == ord(",")).all() and (rows[:, 163] == ord("\n")).all():
            digits = rows - ord("0")  # uint8: a character below "0" wraps round to more than 9
            boards = Boards(digits[:, :81], digits[:, 82:163])
            check_boards(boards, source=path.name)
            return boards
    boards, lines = _load_any_csv(path)
    check_boards(boards, source=path.name, lines=lines)
    return boards


def _load_any_csv(path):
    """The boards of a CSV file in any dialect, and the line of each."""
    rows = read_columns(path, *Boards._fields)
    for line, texts in rows:
        for name, text in zip(Boards._fields, texts, strict=True):
            if len(text) != 81:
                raise BoardError(
                    f"{path.name}, line {line}: {name} has {len(text)} characters; a board has 81"
                )
    columns = zip(*(texts for _, texts in rows), strict=True) if rows else ((), ())
    digits = ["".join(column).encode("latin-1", "replace") for column in columns]
    boards = [np.frombuffer(column, np.uint8).reshape(-1, 81) - ord("0") for column in digits]
    return Boards(*boards), [line for line, _ in rows]


def load_quizzes(path):
    """The quizzes of a CSV file with a column of that name, whatever else it holds: uint8 [board, 81].

    Raises
    ------
    BoardError
        No such file or column, or a quiz that is no board; the message names the line.
    """
    boards = []
    for line, (text,) in read_columns(path, "quizzes"):
        try:
            boards.append(parse_board(text))
        except BoardError as error:
            raise BoardError(f"{path}, line {line}: {error}") from error
    if not boards:
        raise BoardError(f"{path} holds no boards")
    return np.stack(boards)


def read_columns(path, *names):
    """The rows of a CSV file in which something stands: for each its line, and the texts of the named columns."""
    rows = []
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            if missing := [name for name in names if name not in header]:
                raise LookupError(f"no {missing[0]} in its first line")
            places = [header.index(name) for name in names]
            for row in reader:
                if len(row) > len(header):
                    raise LookupError(
                        f"line {reader.line_num} has more columns than the first line"
                    )
                if any(map(str.strip, row)):
                    row += [""] * (len(header) - len(row))
                    rows.append((reader.line_num, [row[place].strip() for place in places]))
    except (OSError, UnicodeError, csv.Error, LookupError) as error:
        columns = f"columns {' and '.join(names)}" if names[1:] else f"a column {names[0]}"
        raise BoardError(f"{path} is no CSV file with {columns}: {error}") from error
    return rows


def check_boards(boards, source="boards", lines=None):
    """Raise ``BoardError`` unless every quiz fits its solution and every solution obeys the rules.

    ``source`` is what the message calls them, ``lines`` [board] where each stands in it (default: one after
    the other, below a header). Whether a quiz has *only* that solution is not checked here;
    ``count_solutions`` tells, one board at a time.
    """

    def refuse(board, cell, what):
        line = board + 2 if lines is None else lines[board]
        where = f"line {line} (board {board}), row {cell // 9 + 1}, column {cell % 9 + 1}"
        raise BoardError(f"{source}, {where}: {what}")

    quizzes, solutions = boards
    for digits, lowest, name in ((quizzes, 0, "quiz"), (solutions, 1, "solution")):
        if digits.size and (digits.max() > 9 or digits.min() < lowest):
            board, cell = np.argwhere((digits > 9) | (digits < lowest))[0]
            refuse(board, cell, f"the {name} needs a digit {lowest}-9 here")
    clash = (quizzes != solutions) & (quizzes != 0)
    if clash.any():
        board, cell = np.argwhere(clash)[0]
        refuse(
            board,
            cell,
            f"the clue {quizzes[board, cell]} contradicts the solution {solutions[board, cell]}",
        )
    broken = ~obeys_rules(solutions)
    if broken.any():
        board = int(broken.argmax())
        cell = repeated_cells(solutions[board])[0]
        refuse(
            board, cell, f"the solution repeats {solutions[board, cell]} in a row, column or box"
        )


def obeys_rules(grids):
    """Which full grids [board, 81] hold every digit 1-9 once per row, column and box: bool [board]."""
    bit_of = (1 << np.arange(10)).astype(np.uint16)
    # [cell, board]: digits stand far apart in memory otherwise
    bits = bit_of[np.ascontiguousarray(grids.T)]
    good = np.ones(len(grids), dtype=bool)
    for unit in UNITS:
        good &= np.bitwise_or.reduce(bits[unit], axis=0) == ALL_DIGITS << 1
    return good


def repeated_cells(board):
    """The cells of one board [81] whose digit stands again in their row, column or box: a list of indices."""
    board = np.asarray(board)
    return np.flatnonzero((board[PEERS] == board[:, None]).any(1) & (board > 0)).tolist()


def parse_board(text):
    """One board from text: 81 digits, ``0`` or ``.`` for a blank, white space ignored. Returns uint8 [81]."""
    digits = "".join(text.split()).replace(".", "0")
    if len(digits) != 81:
        raise BoardError(f"a board has 81 cells; this text has {len(digits)}")
    wrong = [cell for cell, digit in enumerate(digits) if digit not in "0123456789"]
    if wrong:
        cell = wrong[0]
        raise BoardError(
            f"row {cell // 9 + 1}, column {cell % 9 + 1}: {digits[cell]!r} is not a digit, 0 or ."
        )
    return np.array([int(digit) for digit in digits], dtype=np.uint8)


def count_solutions(board, limit=2, guesses=math.inf):
    """How many solutions one board [81] has, counted up to ``limit``, by backtracking.

    Most constrained cell first. Meant for single boards; boards made here are unique by construction. There are boards
    that take hours: None if that many ``guesses`` were too few to tell.
    """
    if repeated_cells(board):
        return 0
    board = [int(digit) for digit in board]
    seen, units_of = [0] * 27, UNITS_OF.tolist()
    for digit, units in zip(board, units_of, strict=True):
        if digit:
            for unit in units:
                seen[unit] |= 1 << (digit - 1)

    def most_constrained(blanks):
        best, best_free, fewest = None, None, 10
        for cell in blanks:
            a, b, c = units_of[cell]
            free = ALL_DIGITS & ~(seen[a] | seen[b] | seen[c])
            if free.bit_count() < fewest:
                best, best_free, fewest = cell, free, free.bit_count()
                if fewest < 2:
                    break
        return best, best_free

    guessed = 0

    def search(blanks, found):
        nonlocal guessed
        if not blanks:
            return found + 1
        guessed += 1
        cell, free = most_constrained(blanks)
        for digit in range(9):
            bit = 1 << digit
            if free & bit and found < limit and guessed < guesses:
                for unit in units_of[cell]:
                    seen[unit] |= bit
                found = search(blanks - {cell}, found)
                for unit in units_of[cell]:
                    seen[unit] ^= bit
        return found

    found = search({cell for cell in range(81) if not board[cell]}, 0)
    return found if found == limit or guessed < guesses else None


# --- splits and leaks -------------------------------------------------------------------------------------


def load_split(name):
    """The shipped boards: ``"train"`` (20,000), ``"validation"`` (2,000) or ``"test"`` (2,000)."""
    if name not in SPLIT_SEEDS:
        raise BoardError(f"no split {name!r}: there are {', '.join(SPLIT_SEEDS)}")
    return load_boards(DATA_DIR / f"sudoku_{name}.csv")


def training_boards(n=None):
    """The first ``n`` training boards; None: the 20,000 that are shipped.

    More are made on demand, from the same seed, and kept: the shipped ones are their beginning. A further
    board whose grid is a form of a validation or test grid is left out, with a line that says so.
    """
    shipped = load_split("train")
    if n is None or n <= len(shipped.quizzes):
        return shipped.first(n)
    boards = made_boards(n, SPLIT_SEEDS["train"])
    seen = np.concatenate([leaked(boards, load_split(name)) for name in ("validation", "test")])
    if len(seen):
        print(f"{len(seen)} boards left out: other forms of validation or test boards")
    return Boards(*(np.delete(part, seen, axis=0) for part in boards))


def fingerprints(grids):
    """A number per solved grid [board, 81] that Sudoku's symmetries leave alone: uint64 [board].

    Relabelling digits, permuting rows, columns, bands or stacks, and transposing turn a grid into another
    form of itself; a test set must hold no other form of a training grid. Two lines of a grid define a
    permutation of the nine digits, whose cycle type depends neither on labels nor on order; so do two digits
    with the nine places they take. Equal fingerprints of unrelated grids are possible, and rare.
    """
    square = grids.reshape(-1, 9, 9).astype(np.int64) - 1
    # [board, digit, row]: where the digit stands
    column_of = square.argsort(2, kind="stable").transpose(0, 2, 1)
    # each [board, 36]
    kinds = [_cycle_kinds(lines) for lines in (square, square.transpose(0, 2, 1), column_of)]
    first, second = np.triu_indices(9, 1)
    near = first // 3 == second // 3  # pairs of lines within one band or stack
    rows, columns = (
        _mix(np.concatenate([np.sort(kind[:, near], 1), np.sort(kind[:, ~near], 1)], 1))
        for kind in kinds[:2]
    )
    digits = _mix(np.sort(kinds[2], 1))
    return _mix(np.stack([np.minimum(rows, columns), np.maximum(rows, columns), digits], 1))


def _cycle_kinds(lines):
    """The cycle type, as a small number, of the permutation between each two of nine lines: [board, 36]."""
    first, second = np.triu_indices(9, 1)
    inverse = lines[:, first].argsort(2, kind="stable")
    # [board, pair, 9]: digit -> digit below it
    step = np.take_along_axis(lines[:, second], inverse, 2)
    power, kind = step, 0
    for _ in range(
        3
    ):  # how many digits are back after 2, 3 and 4 steps tells all cycle types apart
        power = np.take_along_axis(step, power, 2)
        kind = kind * 10 + (power == np.arange(9)).sum(2)
    return kind.astype(np.uint64)


def _mix(columns):
    """One number per row of a table of numbers: a polynomial in an odd constant, modulo 2**64."""
    mixed = np.zeros(len(columns), dtype=np.uint64)
    for column in columns.T:
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed


def leaked(boards, training):
    """Indices of the boards whose solution is, up to Sudoku's symmetries, a solution in ``training``."""
    return np.flatnonzero(np.isin(fingerprints(boards.solutions), fingerprints(training.solutions)))


# --- augmentation -----------------------------------------------------------------------------------------


def augment(quizzes, solutions, generator):
    """New boards from old ones, on the device they are on: uint8 tensors [batch, 81] in and out.

    Two changes that keep the one solution: the nine digits are renamed by a random permutation per board;
    and a random share of the blanks, uniform between none and all per board, is filled in, which makes the
    half-solved boards that step-by-step solving passes through.
    """
    batch, device = len(quizzes), quizzes.device
    names = torch.rand(batch, 9, generator=generator, device=device).argsort(1).to(torch.uint8) + 1
    names = torch.cat([names.new_zeros(batch, 1), names], 1)  # [batch, 10]: a blank stays a blank
    quizzes, solutions = names.gather(1, quizzes.long()), names.gather(1, solutions.long())
    share = torch.rand(batch, 1, generator=generator, device=device)
    reveal = torch.rand(batch, 81, generator=generator, device=device) < share
    return torch.where(reveal, solutions, quizzes), solutions
