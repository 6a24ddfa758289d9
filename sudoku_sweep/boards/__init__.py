"""Where boards come from, and what is true of them. Imports numpy, and nothing of this package but its errors."""
