"""``python -m sudoku_sweep``: see ``cli``."""

import sys

if __name__ == "__main__":
    try:
        from .cli.main import main
    except KeyboardInterrupt:  # before main can say it
        sys.exit(130)
    sys.exit(main(sys.argv[1:]))
