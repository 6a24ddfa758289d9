"""A second Sudoku solver, written independently of the package: slow, and plain enough to be believed."""

DIGITS = "123456789"


def solutions(board, limit=2):
    """Up to ``limit`` solutions of one board, a string of 81 digits with 0 for blanks, as strings."""
    options = {
        cell: [digit for digit in DIGITS if digit not in seen_from(cell, board)]
        for cell, digit in enumerate(board)
        if digit == "0"
    }
    if not options:
        return [board]
    cell = min(options, key=lambda blank: len(options[blank]))
    found = []
    for digit in options[cell]:
        if len(found) < limit:
            found += solutions(board[:cell] + digit + board[cell + 1 :], limit - len(found))
    return found


def seen_from(cell, board):
    """What stands in the row, the column and the box of a cell."""
    row, column = divmod(cell, 9)
    corner = row // 3 * 27 + column // 3 * 3
    box = (board[at : at + 3] for at in (corner, corner + 9, corner + 18))
    return board[9 * row : 9 * row + 9] + board[column::9] + "".join(box)
