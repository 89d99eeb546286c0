"""Finite-size study of planted surfaces: bulk wells, walls, limits, refusals; its figure."""

import numpy as np
import pytest
from planted_metad import planted_metad

from multiscale import plotting, schema, units
from multiscale.stages import sizes

AXIS = np.linspace(-1.0, 1.0, 33)


def surface(kind, edge, P):
    """Free energy per cell in eV: 12 meV double well, or its walls in a cell `edge` long."""
    bulk = 0.012 * (1 - (P / 0.7) ** 2) ** 2 * (1 + (4.0 / edge**3 if kind == "corrected" else 0))
    if kind != "walls":
        return bulk
    return np.where(np.abs(P) < 0.7, np.minimum(bulk, 0.016 / edge), bulk)


def planted(kind, edge, T=(300.0, 400.0), noise=3e-4, seed=0):
    rng = np.random.default_rng(seed + edge)
    ds = planted_metad(T, axes="z", frames=20, samples=40)
    cells = edge**3
    volume = 60.0 * cells
    scale = cells * units.J_PER_M3 / volume
    modes = np.stack([(AXIS / 0.9) ** n for n in (2, 4, 6)])

    def error(n):
        return noise * rng.normal(size=(n, 3)) @ modes

    g = surface(kind, edge, AXIS)[None] + error(len(T))
    sample = g + np.array([error(len(T)) for _ in range(60)])
    ds = ds.drop_vars(["free_energy", "free_energy_stderr", "free_energy_sample", "pz"])
    ds = ds.assign_coords(pz=AXIS).assign(
        free_energy=(("temperature", "pz"), scale * (g - g.min(axis=1, keepdims=True))),
        free_energy_sample=(("sample", "temperature", "pz"), scale * sample),
        volume=("temperature", np.full(len(T), volume)),
    )
    ds = ds.assign_attrs(formula_units=cells, size=[edge] * 3)
    return schema.finish("metad", ds)


def test_bulk_double_well_keeps_its_barrier_per_cell():
    ds = sizes.run([planted("bulk", n) for n in (4, 2, 3)])
    assert ds["length"].values.tolist() == [2, 3, 4]
    assert ds["regime"].values.tolist() == ["bulk", "bulk"]
    z = (ds["barrier"] - 0.012) / ds["barrier_stderr"]
    assert float(np.sqrt((z**2).mean())) < 2
    assert np.abs(ds["flatness"] - 1).max() < 0.25
    assert all(d.ok for d in schema.trust(ds))
    assert np.isnan(ds["interface_from"]).all()


def test_walls_are_named_where_they_appear():
    ds = sizes.run([planted("walls", n) for n in (2, 4, 8)])
    assert ds["regime"].values.tolist() == ["interface", "interface"]
    assert ds["interface_from"].values.tolist() == [2, 2]
    assert (np.abs(ds["exponent"] - 1) < 3 * ds["exponent_stderr"]).all()
    assert ds["exponent_stderr"].max() < 0.35
    assert np.abs(ds["flatness"]).max() < 0.25
    doubt = schema.trust(ds)[0]
    assert not doubt.ok
    assert "two domain walls cross" in doubt.message
    assert "from L = 2 cells on" in doubt.message
    assert "Binder" in ds.attrs["criterion"]


def test_limit_of_the_infinite_crystal_is_recovered():
    z = []
    for seed in range(0, 100, 10):
        ds = sizes.run([planted("corrected", n, (300.0,), 1e-4, seed) for n in (2, 3, 4)])
        z.append(((ds["barrier_infinite"] - 0.012) / ds["barrier_infinite_stderr"]).item())
        top = ds["profile_infinite"].sel(pz=0.0).item()
        assert top == pytest.approx(0.012, abs=5 * float(ds["barrier_infinite_stderr"][0]))
        assert ds["regime"].item() == "bulk"  # the correction is not a wall
    assert np.sqrt(np.mean(np.square(z))) < 1.8


def test_surface_without_a_top_is_not_judged():
    holed = [planted("bulk", n, (300.0,)) for n in (2, 3)]
    for ds in holed:
        ds["free_energy"][:, np.abs(AXIS) < 0.5] = np.nan
        ds["free_energy_sample"][:, :, np.abs(AXIS) < 0.5] = np.nan
    ds = sizes.run(holed)
    assert ds["regime"].values.tolist() == ["undecided"]
    assert not schema.trust(ds)[0].ok
    assert np.isnan(ds["barrier"]).all()


def test_figure_shows_every_size():
    figure = plotting.size_study(sizes.run([planted("walls", n) for n in (2, 4)]))
    labels = [t.get_text() for ax in figure.axes if ax.get_legend() for t in ax.get_legend().texts]
    assert "8 cells" in labels
    assert "64 cells" in labels


def test_bad_studies_are_refused():
    with pytest.raises(ValueError, match="expected at least two different lengths"):
        sizes.run([planted("bulk", 2)])
    with pytest.raises(ValueError, match="expected at least two different lengths"):
        sizes.run([planted("bulk", 2), planted("bulk", 2, seed=1)])
    with pytest.raises(ValueError, match="no temperature in common"):
        sizes.run([planted("bulk", 2, (300.0,)), planted("bulk", 3, (400.0,))])
    old = planted("bulk", 2)
    del old.attrs["size"]
    with pytest.raises(ValueError, match="does not say its size"):
        sizes.run([old, planted("bulk", 3)])
    with pytest.raises(ValueError, match="expected the same components"):
        sizes.run([planted("bulk", 2), planted_metad((300.0,), frames=20)])
