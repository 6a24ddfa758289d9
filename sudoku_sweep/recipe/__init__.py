"""What makes training faster or better than the plain loop: one idea a file, and its docstring says what it changes."""
