"""Where the README's speed figures come from."""
