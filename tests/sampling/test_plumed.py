"""PLUMED's kernel against our engine, and what the bridge promises; skipped without a kernel."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from needs import needs_kernel

from multiscale import sampling, units
from multiscale.sampling import BoxWall, HillsTable, Metadynamics, Wall, WellTempered, sum_hills
from multiscale.sampling.hills import KJ_PER_MOL, hills_text, read_table
from multiscale.sampling.plumed import PlumedBias
from multiscale.sampling.plumed_input import plumed_input
from multiscale.sampling.plumed_kernel import find_kernel

KT = units.KB * 300
NAMES = ("px", "py", "pz")


def settings(d=1, walkers=1, **changes):
    sigma = (0.1, 0.08, 0.12)[:d]
    plain = {
        "sigma": sigma,
        "height": 0.02,
        "pace": 5,
        "bias_factor": 8.0,
        "kT": KT,
        "wall": BoxWall((-0.9,) * d, (1.0,) * d, (40.0,) * d),
        "n_walkers": walkers,
        "on_grid": False,
    }
    return WellTempered(**(plain | changes))


def path_of(steps, walkers, d, seed=0):
    """Random walkers that meet the walls and each other."""
    rng = np.random.default_rng(seed)
    path = np.cumsum(rng.normal(0, 0.06, (steps, walkers, d)), 0)
    return 1.15 * np.sin(path)


def bridge(text, folder, walkers=1, d=1, **more):
    plain = {"kT": KT, "timestep": 0.002, "n_walkers": walkers}
    return PlumedBias(text, NAMES[:d], str(folder), **(plain | more))


def follow(bias, path, start=0):
    got = [bias(values, start + i) for i, values in enumerate(path[start:])]
    return np.array([e for e, _ in got]), np.array([f for _, f in got])


@needs_kernel
@pytest.mark.parametrize("walkers", [1, 4])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_plumed_and_our_rule_give_the_same_hills_and_forces(tmp_path, d, walkers):
    s = settings(d, walkers)
    path = path_of(1501, walkers, d)
    ours = Metadynamics(s)
    energy, force = follow(ours, path)
    ours.commit()
    theirs = bridge(plumed_input(s, NAMES[:d]), tmp_path, walkers, d)
    e, f = follow(theirs, path)
    theirs.commit()
    _, hills = theirs.hills()
    assert len(hills.step) == 300 * walkers
    assert np.array_equal(hills.step, ours.hills.step)
    assert np.array_equal(hills.walker, ours.hills.walker)
    assert np.allclose(hills.center, ours.hills.center, rtol=1e-14, atol=1e-15)
    assert np.allclose(hills.height, ours.hills.height, rtol=1e-8, atol=0)
    assert ours.hills.height.min() < 0.9 * s.height
    assert np.abs(e - energy).max() < 1e-9 * energy.max()
    assert np.abs(f - force).max() < 1e-9 * np.abs(force).max()


@needs_kernel
@pytest.mark.parametrize(("d", "bound"), [(1, 1e-5), (2, 1e-5), (3, 1e-4)])
def test_the_grid_of_the_engine_costs_little_against_plumed(tmp_path, d, bound):
    # Interpolation at sigma/5, /4, /3, relative to the largest bias energy.
    s = settings(d, 2, on_grid=True)
    path = path_of(1001, 2, d)
    ours = Metadynamics(s)
    energy, _ = follow(ours, path)
    theirs = bridge(plumed_input(s, NAMES[:d]), tmp_path, 2, d)
    e, _ = follow(theirs, path)
    assert np.abs(e - energy).max() < bound * energy.max()


@needs_kernel
def test_the_force_is_minus_the_derivative_of_the_energy(tmp_path):
    s = settings(2)
    theirs = bridge(plumed_input(s, NAMES[:2]), tmp_path, 1, 2)
    follow(theirs, path_of(101, 1, 2))
    points = np.random.default_rng(1).uniform(-1.1, 1.1, (20, 1, 2))
    h = 1e-5
    for n, point in enumerate(points):
        step = 101 + 5 * n  # no deposit
        _, force = theirs(point, step)
        for k in range(2):
            shift = h * np.eye(2)[k]
            up, down = (theirs(point + sign * shift, step)[0][0] for sign in (1, -1))
            assert force[0, k] == pytest.approx(-(up - down) / (2 * h), abs=2e-6)


def renewed(bias, path, every, stop=None, start=0):
    """Follow a path and start PLUMED again every so many steps; the answers of each step."""
    out = []
    for i in range(start, len(path) if stop is None else stop):
        out.append(bias(path[i], i))
        if i and i % every == 0:
            bias.renew()
    return out


@needs_kernel
@pytest.mark.parametrize("every", [7, 9, 10])  # the last falls on deposits, 9 just before some
@pytest.mark.parametrize("walkers", [1, 3])
def test_restart_is_bitwise_and_loses_no_hill(tmp_path, every, walkers):
    s = settings(2, walkers)
    text = plumed_input(s, NAMES[:2], stride=1)
    path = path_of(201, walkers, 2)
    plain = bridge(text, tmp_path / "plain", walkers, 2)
    reference, _ = follow(plain, path)
    plain.commit()
    whole = bridge(text, tmp_path / "whole", walkers, 2)
    expected = renewed(whole, path, every)
    whole.commit()
    assert np.allclose([e for e, _ in expected], reference, rtol=0, atol=1e-12)
    cut = 10 * every
    first = bridge(text, tmp_path / "first", walkers, 2)
    renewed(first, path, every, stop=cut + 1)
    saved = first.state()
    renewed(first, path, every, start=cut + 1, stop=cut + 5)  # a killed run went on for a while
    second = bridge(text, tmp_path / "second", walkers, 2)
    second.restore(saved)
    rest = renewed(second, path, every, start=cut + 1)
    second.commit()
    for (e, f), (e2, f2) in zip(expected[cut + 1 :], rest, strict=True):
        assert (e == e2).all()
        assert (f == f2).all()
    for one, other in zip(whole.hills()[1], second.hills()[1], strict=True):
        assert np.array_equal(one, other)
    assert len(whole.hills()[1].step) == len(plain.hills()[1].step) == 40 * walkers


@needs_kernel
@pytest.mark.parametrize(
    "action",
    [
        "PBMETAD ARG=px,py SIGMA=0.1,0.1 HEIGHT=1 PACE=5 BIASFACTOR=8 FILE=H1,H2",
        "METAD ARG=px,py SIGMA=0.1,0.1 HEIGHT=1 PACE=5 BIASFACTOR=8 CALC_RCT "
        "GRID_MIN=-2,-2 GRID_MAX=2,2 GRID_BIN=200,200",
        "METAD ARG=px,py SIGMA=0.1,0.1 HEIGHT=0.1 PACE=5",
        "MOVINGRESTRAINT ARG=px STEP0=0 AT0=0 KAPPA0=10 STEP1=150 AT1=1 KAPPA1=10",
    ],
)
def test_other_biases_of_walkers_go_on_after_a_restart(tmp_path, action):
    text = f"px: EXTRACV NAME=px\npy: EXTRACV NAME=py\n{action} LABEL=b\nPRINT ARG=* FILE=C\n"
    path = path_of(201, 3, 2)
    plain, _ = follow(bridge(text, tmp_path / "plain", 3, 2), path)
    again = renewed(bridge(text, tmp_path / "again", 3, 2), path, 40)
    assert plain.max() > 0.01
    assert np.allclose([e for e, _ in again], plain, rtol=0, atol=1e-12)
    if "METAD" in action:  # every walker feels the hills of all
        alone, _ = follow(bridge(text, tmp_path / "alone", 1, 2), path[:, :1])
        assert (plain[:, 0] - alone[:, 0]).max() > 1e-3


@needs_kernel
def test_a_finer_grid_of_the_engine_comes_closer_to_plumed(tmp_path):
    path = path_of(1001, 2, 1)
    theirs = bridge(plumed_input(settings(1, 2), NAMES[:1]), tmp_path, 2)
    follow(theirs, path)
    theirs.commit()
    height = theirs.hills()[1].height
    for nodes, bound in ((5, 1e-4), (50, 5e-6), (400, 5e-7)):
        ours = Metadynamics(settings(1, 2, spacing=(0.1 / nodes,)))
        follow(ours, path)
        ours.commit()
        assert np.allclose(ours.hills.height, height, rtol=bound, atol=0)


@needs_kernel
def test_a_checkpoint_of_another_input_is_refused_and_nothing_is_overwritten(tmp_path):
    first = bridge(plumed_input(settings(), NAMES[:1]), tmp_path / "a")
    follow(first, path_of(20, 1, 1))
    first.renew()
    for n, text in enumerate((plumed_input(settings(height=0.03), NAMES[:1]), None)):
        more = {} if text else {"kT": 2 * KT}
        other = bridge(text or plumed_input(settings(), NAMES[:1]), tmp_path / f"{n}", **more)
        before = {p.name: p.read_bytes() for p in (tmp_path / f"{n}").iterdir()}
        with pytest.raises(ValueError, match="the checkpoint is of another PLUMED input"):
            other.restore(first.state())
        assert before == {p.name: p.read_bytes() for p in (tmp_path / f"{n}").iterdir()}


@needs_kernel
def test_restarts_repeat_no_line_and_leave_no_backups(tmp_path):
    bias = bridge(plumed_input(settings(), NAMES[:1], stride=1), tmp_path)
    renewed(bias, path_of(60, 1, 1), 10)
    bias.commit()
    with (tmp_path / "COLVAR").open() as file:
        time = read_table(file).columns["time"]
    assert np.allclose(time, 0.002 * np.arange(60), atol=1e-6)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["COLVAR", "HILLS", "plumed.log"]


@needs_kernel
def test_nothing_is_learnt_before_the_first_step(tmp_path):
    bias = bridge(plumed_input(settings(), NAMES[:1], stride=1), tmp_path, first_step=20)
    ours = Metadynamics(settings(first_step=20))
    path = path_of(80, 1, 1)
    got, wanted = follow(bias, path), follow(ours, path)
    assert np.allclose(got[0], wanted[0], atol=1e-12)
    bias.commit()
    ours.commit()
    assert np.array_equal(bias.hills()[1].step, ours.hills.step)
    with (tmp_path / "COLVAR").open() as file:
        assert len(read_table(file).columns["time"]) == 60


# Walls and a function of two variables, in PLUMED's units and in those of UNITS.
USER = """
# any label will do
{units}
z: EXTRACV NAME=pz
x: EXTRACV NAME=px
mod: {function} ARG=x,z FUNC=sqrt(x*x+y*y) PERIODIC=NO
METAD ...
  LABEL=m ARG=z,x SIGMA=0.1,0.07 HEIGHT={height} PACE=5 BIASFACTOR=6 FILE=MYHILLS
... METAD
UPPER_WALLS ARG=mod AT=0.5 KAPPA={kappa} LABEL=w
PRINT ARG=mod,m.bias,w.bias FILE=COLVAR STRIDE=2
"""


@needs_kernel
@pytest.mark.parametrize("walkers", [1, 2])
def test_units_walls_and_functions_of_a_users_input(tmp_path, walkers):
    path = path_of(301, walkers, 3)
    function = {1: "CUSTOM", 2: "MATHEVAL"}[walkers]  # two names of one action
    own = {"height": KJ_PER_MOL * 0.01, "kappa": KJ_PER_MOL * 30}
    kj = USER.format(units="", function=function, **own)
    ev = USER.format(units="UNITS ENERGY=eV TIME=fs", function=function, height=0.01, kappa=30)
    answers = {}
    for name, text in (("kJ", kj), ("eV", ev)):
        bias = bridge(text, tmp_path / name, walkers, 3)
        answers[name] = (*follow(bias, path), bias)
        bias.commit()
    for one, other in zip(answers["kJ"][:2], answers["eV"][:2], strict=True):
        assert np.allclose(one, other, rtol=0, atol=1e-6 * np.abs(one).max())  # PLUMED's eV: 3e-7
    energy, force, bias = answers["eV"]
    table, hills = bias.hills()
    assert table.names == ("pz", "px")
    assert table.time[-1] == pytest.approx(0.6)
    assert np.array_equal(np.unique(hills.step), np.arange(5, 301, 5))
    # the truth: hills so far, and 30 (|P| - 0.5)^2 beyond 0.5, without the half
    mod = np.hypot(path[..., 0], path[..., 2])
    wall = 30 * np.maximum(mod - 0.5, 0) ** 2
    before = hills.step < 300
    v, gradient = sum_hills(
        path[300][:, [2, 0]], hills.center[before], np.array([0.1, 0.07]), hills.height[before]
    )
    assert np.allclose(energy[300], v + wall[300], rtol=1e-6)
    pull = -60 * np.maximum(mod - 0.5, 0)[300] / mod[300]
    assert np.allclose(force[300][:, 2], pull * path[300][:, 2] - gradient[:, 0], rtol=2e-6)
    assert np.allclose(force[300][:, 0], pull * path[300][:, 0] - gradient[:, 1], rtol=2e-6)
    assert (force[..., 1] == 0).all()


@needs_kernel
def test_an_input_without_metad_is_a_static_bias(tmp_path):
    text = "px: EXTRACV NAME=px\nRESTRAINT ARG=px AT=0.1 KAPPA=100\n"
    bias = bridge(text, tmp_path)
    energy, force = follow(bias, path_of(50, 1, 1))
    x = path_of(50, 1, 1)[..., 0] - 0.1
    assert np.allclose(energy, 50 * x**2 / KJ_PER_MOL)
    assert np.allclose(force[..., 0], -100 * x / KJ_PER_MOL)
    bias.commit()
    assert bias.hills() is None


@needs_kernel
@pytest.mark.parametrize("walkers", [1, 3])
def test_plumed_starts_from_hills_of_ours(tmp_path, walkers):
    s = settings(2, walkers)
    earlier = Metadynamics(s)
    follow(earlier, path_of(101, walkers, 2, seed=3))
    earlier.commit()
    hills = earlier.hills
    table = HillsTable(
        NAMES[:2], hills.step * 0.002, hills.center, np.tile(s.sigma, (len(hills.step), 1)),
        hills.height, s.bias_factor,
    )  # fmt: skip
    bias = bridge(plumed_input(s, NAMES[:2]), tmp_path, walkers, 2)
    bias.begin_from(table)
    start = path_of(30, walkers, 2)
    energy, _ = bias(start[0], 0)
    inside = s.wall(start[0])[0]
    assert np.allclose(energy - inside, earlier.evaluate(start[0])[0], atol=1e-12)
    follow(bias, start, start=1)
    bias.commit()
    together = bias.hills()[1]
    assert len(together.step) == len(hills.step) + 5 * walkers
    assert (together.step[: len(hills.step)] < 0).all()
    assert np.allclose(together.height[: len(hills.step)], hills.height, rtol=1e-12)


def plumed_program():
    try:
        beside = Path(find_kernel()).parents[1] / "bin" / "plumed"
    except ValueError:
        return None
    return str(beside) if beside.is_file() else shutil.which("plumed")


@pytest.mark.skipif(plumed_program() is None, reason="no plumed program beside the kernel")
@pytest.mark.parametrize("d", [1, 2])
def test_plumeds_sum_hills_reads_ours_and_agrees(tmp_path, d):
    s = settings(d, 2, sigma=(0.1,) * d)
    ours = Metadynamics(s)
    follow(ours, path_of(501, 2, d))
    ours.commit()
    hills = ours.hills
    table = HillsTable(
        NAMES[:d], hills.step * 0.002, hills.center, np.full(hills.center.shape, 0.1),
        hills.height, s.bias_factor, temperature=300.0,
    )  # fmt: skip
    (tmp_path / "HILLS").write_text(hills_text(table))
    corner = ",".join(["-1.2"] * d), ",".join(["1.2"] * d), ",".join(["60"] * d)
    command = [plumed_program(), "--no-mpi", "sum_hills", "--hills", "HILLS", "--outfile", "fes"]
    command += ["--min", corner[0], "--max", corner[1], "--bin", corner[2], "--fmt", "%.14g"]
    libraries = {**os.environ, "LD_LIBRARY_PATH": str(Path(find_kernel()).parent)}
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, env=libraries)
    with (tmp_path / "fes").open() as file:
        columns = read_table(file).columns
    theirs = columns["file.free"].reshape((61,) * d).T / KJ_PER_MOL
    mine = sampling.free_energy_from_hills(table, (np.linspace(-1.2, 1.2, 61),) * d)
    assert np.abs(theirs - theirs.min() - mine).max() < 1e-9 * mine.max()


@needs_kernel
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("px: EXTRACV NAME=px\nMETAD ARG=px SIGMA=0.1 HEIGHT=1 PACE=5 FOO=1", "FOO=1"),
        ("px: EXTRACV NAME=px\nMETAD ARG=px SIGMA=0.1", "deposition|PACE|HEIGHT"),
        ("px: EXTRACV NAME=px\nRESTRAINT ARG=qx AT=0 KAPPA=1", "cannot find action named qx"),
        ("px: EXTRACV NAME=px\nd: DISTANCE ATOMS=1,2", "atom 1 out of range"),
        ("px: EXTRACV NAME=px\nBLA", "BLA"),
        ("UNITS ENERGY=furlong\npx: EXTRACV NAME=px", "furlong|ENERGY|unit"),
    ],
)
def test_what_plumed_refuses_is_one_sentence(tmp_path, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        bridge(text + "\n", tmp_path)
    assert str(caught.value).startswith("PLUMED refuses plumed_input: ")
    assert "\n" not in str(caught.value)
    assert "+++" not in str(caught.value)


@needs_kernel
def test_an_error_on_the_way_is_one_sentence(tmp_path):
    text = (
        "px: EXTRACV NAME=px\n"
        "METAD ARG=px SIGMA=0.1 HEIGHT=1 PACE=5 GRID_MIN=-1 GRID_MAX=1 GRID_BIN=100\n"
    )
    bias = bridge(text, tmp_path)
    bias(np.array([[0.5]]), 0)
    with pytest.raises(ValueError, match="PLUMED refuses plumed_input: .*grid"):
        follow(bias, np.full((10, 1, 1), 1.5), start=1)
    with pytest.raises(ValueError, match="expected finite numbers of shape"):
        bias(np.array([[np.nan]]), 20)


@needs_kernel
def test_a_folder_with_files_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "HILLS").write_text("precious")
    with pytest.raises(ValueError, match="holds files, expected an empty one"):
        bridge(plumed_input(settings(), NAMES[:1]), tmp_path)
    assert (tmp_path / "HILLS").read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 1


@needs_kernel
def test_a_damaged_hills_file_of_a_walker_is_named(tmp_path):
    bias = bridge(plumed_input(settings(1, 2), NAMES[:1]), tmp_path, 2)
    follow(bias, path_of(50, 2, 1))
    bias.commit()
    path = tmp_path / "HILLS.1"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]) + lines[-1][:-10])  # killed while writing
    assert len(bias.hills()[1].step) == 9 + 8
    path.write_text("".join(lines) + lines[-2])
    with pytest.raises(ValueError, match=re.escape(str(path)) + ": hill 10 has time"):
        bias.hills()


def test_a_modulus_wall_has_no_generated_input():
    s = settings(2, wall=Wall(1.0, 40.0, "modulus"), upper=(1.3, 1.3))
    with pytest.raises(ValueError, match="the wall is on the modulus"):
        plumed_input(s, NAMES[:2])
