"""The training options that ship with the run files are valid options."""

import tomllib
from pathlib import Path

import pytest

from multiscale.pipeline.potentials import TrainingOptions

RECIPES = sorted((Path(__file__).parents[2] / "pipelines").glob("train-*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_is_valid(path):
    options = TrainingOptions(**tomllib.loads(path.read_text(encoding="utf-8")))
    assert options.recipe().epochs >= 100


def test_there_are_recipes():
    assert len(RECIPES) == 2
