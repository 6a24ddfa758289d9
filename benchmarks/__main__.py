"""All benchmarks, one after the other: ``python -m benchmarks``. Needs a quiet machine and more than an hour."""

from benchmarks import (
    agents,
    bayes,
    boards,
    cost,
    growth,
    logging_cost,
    profiling,
    recipe,
    sweeps,
    time_to_score,
    training,
)

for module in (
    boards,
    bayes,
    agents,
    profiling,
    training,
    logging_cost,
    sweeps,
    growth,
    cost,
    recipe,
    time_to_score,
):
    print(f"\n## {module.__doc__.splitlines()[0]}\n", flush=True)
    module.main()
