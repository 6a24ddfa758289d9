"""Where the README's speed figures come from, all of them about CPUs: ``python -m benchmarks`` measures them."""
