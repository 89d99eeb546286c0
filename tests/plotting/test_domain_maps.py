"""Pictures of domains: what each direction looks like; films have their frames."""

import numpy as np
import pytest
from PIL import Image

from multiscale.plotting.domains import direction_colours, domain_map, write_film


def test_directions_have_their_colours():
    up, down, right, left = np.eye(3)[2], -np.eye(3)[2], np.eye(3)[0], -np.eye(3)[0]
    colours = direction_colours(np.stack([up, down, right, left, 0 * up], axis=1), 1.0)
    assert colours[0] == pytest.approx([1, 1, 1])
    assert colours[1] == pytest.approx([0, 0, 0])
    assert colours[2] == pytest.approx([1, 0, 0])
    assert colours[3] == pytest.approx([0, 1, 1])  # the opposite colour
    assert colours[4] == pytest.approx([0.5, 0.5, 0.5])


def vortex(n=24):
    x, y = np.meshgrid(np.arange(n) - n / 2 + 0.5, np.arange(n) - n / 2 + 0.5, indexing="ij")
    r = np.hypot(x, y)
    return np.stack([-y / r, x / r, 0 * x])[..., None] * 0.3


def test_map_shows_nanometres_and_its_wheel():
    figure = domain_map(vortex(), (0.4, 0.4, 0.4))
    assert len(figure.axes) == 2
    assert figure.axes[0].get_xlabel() == "x (nm)"
    assert figure.axes[0].get_xlim()[1] == pytest.approx(9.6)


def test_film_has_all_its_frames(tmp_path):
    frames = np.stack([vortex(), -vortex(), 0.5 * vortex()])
    write_film(tmp_path / "film.gif", frames, (0.4, 0.4, 0.4), ["a", "b", "c"])
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 3
