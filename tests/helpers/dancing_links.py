"""A second Sudoku solver, written independently of the package: exact cover by backtracking (Knuth's X)."""


def solutions(board, limit=2):
    """Up to ``limit`` solutions of one board, a string of 81 digits with 0 for blanks, as strings."""
    columns, rows = {}, {}
    for r in range(9):
        for c in range(9):
            for d in "123456789":
                box = 3 * (r // 3) + c // 3
                rows[r, c, d] = [("cell", r, c), ("row", r, d), ("column", c, d), ("box", box, d)]
                for constraint in rows[r, c, d]:
                    columns.setdefault(constraint, set()).add((r, c, d))
    chosen = []
    for at, d in enumerate(board):
        if d != "0":
            choice = (at // 9, at % 9, d)
            if any(constraint not in columns for constraint in rows[choice]):
                return []
            _cover(columns, rows, choice)
            chosen.append(choice)
    found = []
    _search(columns, rows, chosen, found, limit)
    return found


def _search(columns, rows, chosen, found, limit):
    if not columns:
        found.append("".join(d for _, _, d in sorted(chosen)))
        return
    tightest = min(columns, key=lambda constraint: len(columns[constraint]))
    for choice in list(columns[tightest]):
        removed = _cover(columns, rows, choice)
        chosen.append(choice)
        _search(columns, rows, chosen, found, limit)
        chosen.pop()
        _uncover(columns, rows, choice, removed)
        if len(found) >= limit:
            return


def _cover(columns, rows, choice):
    removed = []
    for constraint in rows[choice]:
        for other in columns[constraint]:
            for shared in rows[other]:
                if shared != constraint:
                    columns[shared].discard(other)
        removed.append(columns.pop(constraint))
    return removed


def _uncover(columns, rows, choice, removed):
    for constraint in reversed(rows[choice]):
        columns[constraint] = removed.pop()
        for other in columns[constraint]:
            for shared in rows[other]:
                if shared != constraint:
                    columns[shared].add(other)
