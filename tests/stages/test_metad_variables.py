"""Stage metad over other variables than P: truth by direct sampling, restart, names, refusals."""

import io
import json
import re

import numpy as np
import pytest
from pydantic import ValidationError
from test_metad import TINY, Memory

from multiscale import sampling, schema, units
from multiscale.pipeline import runfile
from multiscale.pipeline.preflight import preflight
from multiscale.sampling.hills import hills_text
from multiscale.stages import md, metad
from multiscale.stages.landau_surface import points
from multiscale.stages.options import explain

MODULUS = {"kind": "modulus"}
STRAIN = {"kind": "strain", "component": "zz", "sigma": 0.02, "lower": -0.2, "upper": 0.4}
WALL = {"kind": "wall", "upper": 2}
SOME = {
    "p_modulus": ([MODULUS], (1, 1, 1)),
    "d_along": ([{"kind": "dipole", "direction": [1, 1, 1]}], (1, 1, 1)),
    "d_modulus": ([{"kind": "dipole", "modulus": True, "lower": 0}], (1, 1, 1)),
    "strain_zz pz": ([STRAIN, {"kind": "polarization", "axis": "z"}], (1, 1, 1)),
    "plane plane_b": ([{"kind": "plane"}, {"kind": "plane", "plane": 1}], (2, 1, 1)),
    "p_i2 p_i4": (
        [
            {"kind": "invariant", "order": 2, "sigma": "0.1 C^2/m^4", "upper": 2},
            {"kind": "invariant", "order": 4, "sigma": 0.03, "upper": 0.6},
        ],
        (1, 1, 1),
    ),
    "wall p_modulus strain_zz": ([WALL, MODULUS, STRAIN], (2, 1, 1)),
}


def options(variables, **changes):
    table = {k: v for k, v in TINY.items() if k != "axes"}
    return metad.Options(**(table | {"bins": 41, "variables": variables} | changes))


@pytest.mark.parametrize(("variables", "size"), SOME.values(), ids=SOME)
def test_surface_hills_and_trajectory_carry_the_names_and_units(variables, size, request):
    local = {"plane", "sign", "wall"} & {table["kind"] for table in variables}
    o = options(variables, size=size, cell_centre="Ti" if local else None)
    ds = schema.require(metad.run(options=o), "metad")
    names = request.node.callspec.id.split()
    assert list(ds["cv"].values) == names
    assert set(ds["free_energy"].dims) == {"temperature", *names}
    for name, unit in zip(names, ds["cv_units"].values, strict=True):
        assert ds[name].attrs["units"] == unit
        assert ds[name].size == 41
    assert ds["hill_center"].attrs["units"] == "1"
    assert json.loads(ds.attrs["collective_variables"])[0]["kind"] == variables[0]["kind"]
    table = metad.hills_table(ds, 300.0)
    back = sampling.read_hills(io.StringIO(hills_text(table)), names=tuple(names))
    assert np.array_equal(back.height, table.height)
    f = sampling.free_energy_from_hills(table, tuple(ds[n].values for n in names))
    stored = ds["free_energy_from_hills"].transpose("temperature", *names).values[0]
    scale = float(ds["volume"][0]) / units.J_PER_M3
    assert np.allclose(f, stored * scale, rtol=0, atol=1e-9)
    # What was recorded is what the hills were left at: same times, same walkers.
    every = round(o.pace / (o.timestep * o.stride))
    recorded = ds["collective_variable"].values[0, :, every::every]
    hills = ds["hill_center"].values[0].reshape(-1, o.walkers, len(names)).swapaxes(0, 1)
    assert np.array_equal(recorded, hills[:, : recorded.shape[1]])
    with pytest.raises(ValueError, match=r"expected components of P alone|pz"):
        points(ds.isel(temperature=0, drop=True), 1.0, 60.0)


@pytest.fixture(scope="module")
def unbiased():
    """One cell of the toy, which crosses its barriers by itself."""
    chosen = {k: v for k, v in TINY.items() if k in md.Options.model_fields}
    more = {"walkers": 8, "duration": 25.0, "stride": 10, "seed": 5}
    return md.run(options=md.Options(**(chosen | more)))


@pytest.mark.parametrize(
    ("table", "of"),
    [
        (MODULUS, lambda ds: np.linalg.norm(ds["polarization"].values[0], axis=-1)),
        (STRAIN, lambda ds: ds["strain"].values[0, ..., 2]),
        (
            {"kind": "polarization", "direction": [1, 1, 0]},
            lambda ds: ds["polarization"].values[0, ..., :2].sum(-1) / np.sqrt(2),
        ),
    ],
    ids=["modulus", "strain", "direction"],
)
def test_free_energy_agrees_with_direct_sampling(unbiased, table, of):
    o = options([table], duration=16.0, walkers=4, pace=0.1, blocks=4, n_samples=40, stride=10)
    ds = metad.run(options=o)
    values, kT = of(unbiased), units.KB * 300
    assert np.allclose(of(ds), ds["collective_variable"].values[0, ..., 0], rtol=1e-9, atol=1e-12)
    surface = sampling.free_energy_by_reweighting(
        values.reshape(-1, 1), np.zeros(values.size),
        sampling.blocks_of(8, values.shape[1], 3).ravel(), (ds[o.names[0]].values,), kT,
        bootstrap=sampling.bootstrap_weights(100, 24, np.random.default_rng(0)),
    )  # fmt: skip
    scale = float(ds["volume"][0]) / units.J_PER_M3
    f = ds["free_energy"].values[0] * scale
    error = np.hypot(ds["free_energy_stderr"].values[0] * scale, surface.stderr)
    low = np.isfinite(f) & (surface.free_energy < 3 * kT)
    difference = (f - surface.free_energy)[low]
    difference = difference - difference.mean()
    assert low.sum() >= 6
    assert np.mean((difference / error[low]) ** 2) < 2.5
    assert np.abs(difference / error[low]).max() < 4


@pytest.mark.parametrize("saves", [1, 3])
def test_restart_is_bitwise(saves):
    o = options([WALL, MODULUS], size=(2, 1, 1), pace=0.06)
    whole = metad.run(options=o)
    stopped = Memory(saves)
    with pytest.raises(KeyboardInterrupt):
        metad.run(options=o, checkpoint=stopped)
    resumed = Memory()
    resumed.saved = stopped.saved
    assert metad.run(options=o, checkpoint=resumed).identical(whole)


def test_options_come_back_from_their_own_text():
    # As tasks travel to other processes.
    o = options([WALL, STRAIN, {"kind": "dipole", "direction": [1, 1, 0]}], size=(2, 1, 1))
    assert metad.Options.model_validate_json(o.model_dump_json()) == o


def test_components_by_axes_or_by_variables_are_the_same_run():
    plain = metad.run(options=options([], axes="z", sigma=0.1))
    table = {"kind": "polarization", "axis": "z", "sigma": 0.1}
    named = metad.run(options=options([table]))
    assert np.allclose(plain["polarization"], named["polarization"], rtol=1e-9, atol=1e-12)
    assert np.allclose(plain["hill_height"], named["hill_height"], rtol=1e-9)
    assert "collective_variable" not in plain
    assert "cv_units" not in plain.coords


def test_temperatures_merge():
    o = options([MODULUS], temperatures=(600.0, 300.0), duration=0.4)
    ds = metad.run(options=o)
    assert ds["temperature"].values.tolist() == [300, 600]
    assert ds["collective_variable"].sizes["temperature"] == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variables": [{"kind": "modulos"}]}, "kind of a variable is 'modulos', expected one of"),
        ({"variables": [{"axis": "z"}]}, "kind of a variable is None"),
        ({"variables": [{"kind": "polarization"}]}, "expected one of the two"),
        ({"variables": [{"kind": "polarization", "direction": [0, 0, 0]}]}, "independent vectors"),
        ({"variables": [{"kind": "dipole", "modulus": True, "axis": "z"}]}, "one of the three"),
        ({"variables": [MODULUS, MODULUS]}, "different names"),
        ({"variables": [MODULUS] * 4}, "at most 3 items"),
        ({"variables": [MODULUS], "axes": "z"}, "axes given beside variables"),
        ({"variables": [MODULUS], "sigma": 0.1, "limit": 1.0}, "limit, sigma given beside"),
        ({"variables": [MODULUS], "symmetric_hills": True}, "other variables have no images"),
        ({"variables": [{"kind": "modulus", "sigma": "0.1 eV"}]}, "sigma: '0.1 eV' has dimension"),
        ({"variables": [{"kind": "modulus", "sigm": 1}]}, "key 'sigm' is unknown, nearest is"),
        ({"variables": [{"kind": "modulus", "sigma": 0.01}]}, "expected at least 120 to resolve"),
        ({"variables": [{"kind": "modulus", "upper": -1}]}, "expected lower < upper"),
        ({"variables": [{"kind": "plane", "plane": 2}]}, "expected different numbers from 0 to 0"),
        ({"variables": [{"kind": "wall", "upper": 2, "planes": 3}]}, "within 1 planes"),
        ({"variables": [{"kind": "invariant", "order": 2}]}, "sigma is missing"),
        (
            {"variables": [{"kind": "invariant", "order": 2, "sigma": "1 C/m^2", "upper": 2}]},
            "expected that of 'C\\^2/m\\^4'",
        ),
        ({"variables": [MODULUS], "cell_centre": "Ti"}, "without a variable of single cells"),
        ({"axes": "z", "variables": [], "cell_centre": "Ti"}, "without a variable of single cells"),
        ({"variables": [STRAIN], "ensemble": "nvt"}, "strains that move are: none"),
        (
            {"variables": [STRAIN | {"component": "xz"}]},
            "strain xz is biased with ensemble 'npt-orthorhombic'",
        ),
        (
            {"variables": [STRAIN | {"component": "xx"}], "ensemble": "epitaxial"},
            "strains that move are: zz",
        ),
    ],
)
def test_bad_variables_are_refused(changes, message):
    with pytest.raises(ValidationError) as caught:
        options(**changes)
    said = explain(caught.value, "metad")
    assert "\n" not in said
    assert re.search(message, said), said


@pytest.mark.parametrize("centre", ["Zr", "O", "nothing"])
def test_a_centre_that_is_not_there_once_a_cell_is_refused(centre):
    with pytest.raises(ValueError, match="expected one in each"):
        preflight(options([WALL], size=(2, 1, 1), cell_centre=centre))


def test_a_run_file_that_fits_a_landau_model_to_other_variables_is_refused(tmp_path):
    text = """[run]
    name = "walls"
    [potential]
    name = "toy-ferroelectric"
    [structure]
    material = "pbtio3"
    [metad]
    bins = 41
    [[metad.variables]]
    kind = "modulus"
    """
    path = tmp_path / "run.toml"
    path.write_text(text)
    assert runfile.read(path).stages["metad"].names == ("p_modulus",)
    path.write_text(text + "[landau]\n")
    with pytest.raises(ValueError, match=r"Remove \[\[metad.variables\]\] or \[landau\]"):
        runfile.read(path)
