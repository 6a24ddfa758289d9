"""Where the README's speed figures come from. All of them are about CPUs."""
