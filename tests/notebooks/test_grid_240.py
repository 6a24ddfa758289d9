"""What only the notebook of the 240 runs counts and draws."""

import grid_240
import pandas as pd
import pytest

from sudoku_sweep import data
from sudoku_sweep.analysis import results, tables

GRID = results.load(data.DATA_DIR / "grid_240").frame


def test_main_effects_are_quartiles_over_everything_else():
    accuracy = tables.metric_values(GRID, grid_240.METRIC)
    effects = grid_240.main_effects(GRID, accuracy)
    assert effects["runs"].tolist() == [60] * 8 + [48] * 5 + [80] * 3
    some = accuracy[GRID["config.n_heads"] == 3]
    expected = [some.quantile(0.25), some.median(), some.quantile(0.75), some.max()]
    assert effects.iloc[-2].tolist() == ["n_heads", 3, 80, *expected]
    panels = grid_240.plot_main_effects(effects)
    assert [axes.get_xlabel() for axes in panels] == effects["setting"].unique().tolist()
    assert [label.get_text() for label in panels[3].get_xticklabels()] == ["1", "3", "9"]


def test_the_best_so_far_is_never_worse_and_survives_failures():
    progress = grid_240.best_so_far(pd.Series([0.2, None, 0.1, 0.3]), pd.Series([1, 1, 1, 2]))
    assert progress.to_dict("list") == {"cost": [1, 2, 3, 5], "best": [0.2, 0.2, 0.2, 0.3]}
    assert grid_240.plot_best_so_far(progress).lines[0].get_xdata()[-1] == 5


def test_seeds_are_drawn_per_configuration_best_mean_first_and_seed_0_apart():
    values = {"name": ["a"] * 3 + ["b"] * 3, "config.seed": [0, 1, 2] * 2, "state": "finished"}
    values |= {"summary.val_accuracy": [0.1, 0.2, 0.9, 0.5, 0.6, 0.4]}
    axes = grid_240.plot_seeds(pd.DataFrame(values))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["b", "a"]
    sizes = {part.get_label(): len(part.get_offsets()) for part in axes.collections}
    assert sizes["seed 0: the sweep"] == 2 and sizes["other seeds: afterwards"] == 4


def test_budgets_have_a_line_each_with_the_spread_over_seeds():
    keys = pd.MultiIndex.from_product([[300, 1000, 3000], [0.001, 0.01]])
    keys.names = ["steps", "config.learning_rate"]
    scores = pd.DataFrame({"mean": [0.1, 0.2, 0.5, 0.4, 0.9, 0.8], "std": 0.01}, index=keys)
    axes = grid_240.plot_budgets(scores)
    assert axes.get_legend_handles_labels()[1] == ["300 steps", "1,000 steps", "3,000 steps"]
    means, *bars = axes.containers[1]
    assert means.get_xdata().tolist() == [0.001, 0.01] and means.get_ydata().tolist() == [0.5, 0.4]
    (spread,) = bars[1][0].get_segments()[:1]
    assert spread[:, 1].tolist() == pytest.approx([0.49, 0.51])


def test_the_heat_map_compares_nets_at_their_best_learning_rates():
    best = grid_240.best_over_rates(GRID)
    shape = ["config.embedding_dim", "config.attention_dim", "config.n_heads"]
    assert len(best) == 48 and not best.duplicated(shape).any()
    assert best["score"].max() == GRID["summary.val_accuracy"].max()
    axes = grid_240.plot_heat_map(best, "attention_dim", "n_heads")
    field = (best["config.attention_dim"] == 27) & (best["config.n_heads"] == 3)
    texts = [text.get_text() for text in axes.texts]
    assert len(texts) == 12 and texts[7] == f"{best.loc[field, 'score'].mean():.2f}"
