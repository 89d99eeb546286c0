"""Proposed settings: rules on planted runs with known answers, and a toy that runs on them."""

import tomllib

import numpy as np
import pytest
import scipy.signal
import xarray as xr

from multiscale import schema, units
from multiscale.pipeline.advice import suggest
from multiscale.sampling import advice as rules
from multiscale.stages import md, metad
from multiscale.stages.metad_advice import advise

KT = units.KB * 300.0


def wandering(rng, shape, memory, interval):
    """Unit Gaussian series of exponential memory, (walker, time, ...)."""
    rho = np.exp(-interval / memory)
    noise = rng.standard_normal((shape[0], shape[1] + 1000, *shape[2:]))
    return scipy.signal.lfilter([np.sqrt(1 - rho**2)], [1, -rho], noise, axis=1)[:, 1000:]


def planted_md(position=0.7, width=0.05, memory=0.15, modulus=0.9, cells=8, temperatures=(300.0,)):
    """md Dataset: P in wells along +-z, Gaussian with memory; volumes of a known modulus."""
    rng = np.random.default_rng(0)
    parts = []
    for T in temperatures:
        shape, interval = (4, 4000), 0.01
        P = width * wandering(rng, (*shape, 3), memory, interval)
        P[..., 2] += position * np.array([1, -1, 1, -1])[:, None]
        V0 = 60.0 * cells
        volume = V0 + np.sqrt(units.KB * T * V0 / modulus) * wandering(rng, shape, 0.2, interval)
        run = ("temperature", "walker", "time")
        cell = np.cbrt(volume)[..., None, None] * np.eye(3)
        zero = np.zeros((1, *shape))
        ds = xr.Dataset(
            {
                "polarization": ((*run, "axis"), P[None]),
                "cell": ((*run, "axis", "axis_b"), cell[None]),
                "strain": ((*run, "voigt"), np.zeros((1, *shape, 6))),
                "stress": ((*run, "voigt"), np.zeros((1, *shape, 6))),
                "potential_energy": (run, zero),
                "kinetic_temperature": (run, zero + T),
                "electric_field": (("time", "axis"), np.zeros((4000, 3))),
            },
            coords={"temperature": [T], "time": interval * np.arange(4000)},
            attrs={"definition": "planted", "reference_structure": "cubic", "timestep": 0.002,
                   "formula_units": cells, "size": [2, 2, 2]},
        )  # fmt: skip
        parts.append(schema.finish("md", ds))
    return schema.concat(parts) if len(parts) > 1 else parts[0]


def values(ds, **more):
    advice = advise(ds, **more)
    text = "\n".join(f"{a.key} = {a.value}" for a in advice)
    return tomllib.loads(text), {a.key: a.reason for a in advice}


def number(text):
    return float(text.split()[0])


def test_polar_crystal_gets_what_its_wells_say():
    # barrier (0.7/0.05)^2/8 = 24.5 kT in eight cells: the size stays, gamma follows
    found, why = values(planted_md(), axes="z", mass=8 * 303.0)
    assert found["size"] == [2, 2, 2]
    assert number(found["sigma"]) == pytest.approx(0.025, rel=0.05)
    assert number(found["height"]) == pytest.approx(1e3 * KT / 2, rel=0.02)
    assert number(found["pace"]) == pytest.approx(0.15, rel=0.25)
    assert found["bias_factor"] == pytest.approx(24.5, abs=2)
    assert number(found["limit"]) == pytest.approx(0.7 + 4 * 0.05, abs=0.051)
    assert "half the narrowest thermal width" in why["sigma"]
    assert "barrier over kT, 2" in why["bias_factor"]


def test_barostat_follows_the_sound_in_the_cell():
    found, why = values(planted_md(), mass=8 * 303.0)
    density = 8 * 303.0 * units.AMU / 480.0
    period = 2 * np.cbrt(480.0) / np.sqrt(0.9 / density)
    assert number(found["barostat_time"]) == pytest.approx(period, rel=0.1)
    assert f"{0.9 * units.GPA:.1g}"[:1] in why["barostat_time"]
    assert number(values(planted_md())[0]["barostat_time"]) == 0.5  # no mass: the default, said so


def test_three_dimensions_bear_a_coarser_grid():
    found, why = values(planted_md(position=0.9, width=0.03), axes="xyz")
    assert number(found["sigma"]) == pytest.approx(number(found["limit"]) / 20, rel=0.01)
    assert "would be 0.015" in why["sigma"]


def test_small_barrier_asks_for_a_larger_cell_and_sigma_scales():
    # (0.3/0.08)^2/8 = 1.76 kT in eight cells: 14 kT in 4x4x4
    found, _ = values(planted_md(position=0.3, width=0.08), axes="z")
    assert found["size"] == [4, 4, 4]
    assert number(found["sigma"]) == pytest.approx(0.04 / np.sqrt(8), rel=0.06)


def test_high_barrier_keeps_the_smallest_cell_and_the_largest_factor():
    found, why = values(planted_md(position=0.9, width=0.03), axes="z")
    assert found["size"] == [2, 2, 2]
    assert found["bias_factor"] == 40
    assert "domain walls" in why["size"]


def test_paraelectric_crystal_has_one_well():
    found, why = values(planted_md(position=0.0, width=0.12), axes="xyz")
    assert found["bias_factor"] == 5
    assert "no barrier is seen" in why["bias_factor"]
    assert number(found["sigma"]) == pytest.approx(0.06, rel=0.05)
    assert number(found["limit"]) == pytest.approx(0.6, abs=0.051)


def test_coldest_and_tightest_temperatures_decide():
    ds = planted_md(temperatures=(200.0, 400.0))
    found, why = values(ds, axes="z")
    assert number(found["height"]) == pytest.approx(0.5e3 * units.KB * 200, rel=0.02)
    assert "200 K" in why["height"]


def test_every_table_is_a_valid_one():
    for ds in (planted_md(0.0, 0.12), planted_md(0.9, 0.03)):
        for axes in ("z", "xy", "xyz"):
            metad.Options(**values(ds, axes=axes)[0])


def test_vibrations_count_as_memory():
    # A damped vibration changes sign within its envelope; its integral would be short.
    t = 0.01 * np.arange(6000)
    rng = np.random.default_rng(1)
    kernel = np.exp(-t[:400] / 0.4) * np.cos(2 * np.pi * t[:400] / 0.2)
    x = np.array([np.convolve(rng.standard_normal(6400), kernel, "valid")[:6000] for _ in range(8)])
    assert rules.envelope_time(x, 0.01) == pytest.approx(0.4, rel=0.3)


def test_runs_in_a_field_or_without_motion_are_refused():
    ds = planted_md()
    ds["electric_field"][:] = 1e6
    with pytest.raises(ValueError, match="in an electric field, expected none"):
        advise(ds)
    still = planted_md()
    still["polarization"][:] = 0.5
    with pytest.raises(ValueError, match="expected thermal motion"):
        advise(still)


TOY = ["potential=toy-ferroelectric", "temperatures=[400]", "size=[2,2,2]", "axes=z", "seed=3"]


@pytest.mark.slow
def test_toy_crystal_says_the_width_that_a_long_run_has():
    text = suggest(None, TOY)
    table = tomllib.loads(text[text.index("[metad]") :])["metad"]
    long = md.run(options=md.Options(
        potential="toy-ferroelectric", temperatures=(400.0,), size=(2, 2, 2), walkers=4,
        duration=30.0, seed=9, stride=20,
    ))  # fmt: skip
    P = np.abs(long["polarization"].values).max(axis=-1)
    cells = np.prod(table["size"])
    assert number(table["sigma"]) == pytest.approx(0.5 * P.std() * np.sqrt(8 / cells), rel=0.25)
    assert table["potential"] == "toy-ferroelectric"
    assert table["seed"] == 3
    for line in text[: text.index("[metad]")].strip().splitlines():
        assert line.startswith("not trusted") or (" = " in line and ": " in line)
    assert metad.Options(**table).axes == "z"


@pytest.mark.slow
def test_toy_crystal_converges_on_the_proposed_settings():
    text = suggest(None, TOY)
    table = tomllib.loads(text[text.index("[metad]") :])["metad"]
    ds = metad.run(options=metad.Options(**(table | {"stride": 10})))
    assert ds["converged"].values.tolist() == [1], ds.attrs["convergence"]
