"""Stages md and metad driven by an effective Hamiltonian: records, refusals, the same dynamics."""

import numpy as np
import pytest

from multiscale import materials
from multiscale.lattice import amplitudes
from multiscale.lattice.continuum import ContinuumStrain
from multiscale.stages import md, metad
from multiscale.stages.lattice_engine import StrainModel, hamiltonian_of, lattice_engine
from multiscale.stages.simulation import SimulationOptions, prepare

BATIO3 = {"potential": "lattice", "material": "batio3-zvr1995", "size": (4, 4, 4), "walkers": 1}


def test_md_of_a_lattice_starts_polar_and_records_its_cells():
    options = md.Options(
        **BATIO3, temperatures=(200.0,), duration=0.4, equilibration=0.0, pressure=-4.8,
        timestep=0.004, stride=10, record=("local_polarization",),
    )  # fmt: skip
    ds = md.run(options=options)
    local = ds.local_polarization.values[0, 0]
    assert local.shape == (10, 4, 4, 4, 3)
    np.testing.assert_allclose(
        local.mean(axis=(1, 2, 3)), ds.polarization.values[0, 0], rtol=1e-9, atol=1e-12
    )
    assert 0.1 < ds.polarization.values[0, 0, 0, 2] < 0.5
    assert "local_polarization" in ds
    assert ds.attrs["definition"] == "mode charges of material batio3-zvr1995 times modes"


def test_md_and_metad_continue_a_lattice_bit_by_bit():
    options = SimulationOptions(**BATIO3, temperatures=(200.0,), timestep=0.004)
    walkers = prepare(options, 200.0)
    again = prepare(options, 200.0)
    one = walkers.engine.evaluate(walkers.system)
    two = again.engine.evaluate(again.system)
    assert np.array_equal(one.forces.numpy(), two.forces.numpy())


def test_metadynamics_biases_the_polarization_of_a_lattice():
    options = metad.Options(
        **{**BATIO3, "walkers": 2}, temperatures=(300.0,), duration=2.0, equilibration=0.0,
        pressure=-4.8, timestep=0.004, stride=5, axes="z", sigma=0.03, limit=0.5, bins=41,
        pace=0.04, height=0.05, n_samples=8, initial="cubic",
    )  # fmt: skip
    ds = metad.run(options=options)
    assert np.isfinite(ds.free_energy).any()
    assert float(ds.bias.max()) > 0.05


def test_atoms_and_modes_are_not_mixed_up():
    with pytest.raises(ValueError, match="has no effective Hamiltonian, expected one of batio3-"):
        prepare(SimulationOptions(potential="lattice", material="pbtio3"), 300.0)
    with pytest.raises(ValueError, match="is a lattice of modes and no crystal of atoms"):
        prepare(SimulationOptions(material="batio3-wc2010"), 300.0)


def test_a_time_step_beyond_the_stiffest_mode_is_refused_with_the_limit():
    options = SimulationOptions(**BATIO3, timestep=0.019)
    with pytest.raises(ValueError, match=r"timestep is 19 fs, expected below [\d.]+ fs"):
        prepare(options.model_copy(update={"ensemble": "nvt"}), 300.0)


def test_a_cell_too_light_for_the_time_step_is_refused_with_the_limit():
    options = SimulationOptions(**BATIO3, timestep=0.004, barostat_time=0.05)
    with pytest.raises(ValueError, match=r"below [\d.]+ fs, where the cell with barostat_time = 0"):
        prepare(options, 300.0)


def test_a_polar_start_has_the_mode_of_the_record():
    material = materials.load("pbtio3-feram")
    polar = material.polar(2, axis=1)
    home = polar.cell.cartesian_positions(material.supercell(2).get_scaled_positions())
    np.testing.assert_allclose(polar.positions - home, np.tile([0.0, 0.3, 0.0], (8, 1)), atol=1e-9)


def test_a_start_with_walls_is_half_up_and_half_down():
    options = {"potential": "lattice", "material": "pbtio3-feram", "walkers": 1, "initial": "walls"}
    walkers = prepare(SimulationOptions(**options, size=(10, 2, 2)), 300.0)
    u = amplitudes(walkers.system)[0].reshape(10, 4, 3)
    np.testing.assert_allclose(u[:5, :, 2], 0.3, atol=1e-9)
    np.testing.assert_allclose(u[5:, :, 2], -0.3, atol=1e-9)
    with pytest.raises(ValueError, match="4 cells apart .* expected at least 5"):
        prepare(SimulationOptions(**options, size=(8, 2, 2)), 300.0)
    with pytest.raises(ValueError, match="expected a lattice of modes"):
        prepare(SimulationOptions(initial="walls"), 300.0)


def test_cells_strain_as_the_record_is_made_for():
    """feram's sets as a continuum, in md too; that of Zhong, Vanderbilt and Rabe by corners."""
    stripes = np.zeros((4, 4, 4, 3))
    stripes[:2, ..., 2], stripes[2:, ..., 2] = 0.2, -0.2
    stripes[:, :2, :, 0] = 0.1

    def energy(name: str, model: StrainModel) -> float:
        engine = hamiltonian_of(materials.load(name), (4, 4, 4), model)
        return float(engine.evaluate(engine.system(stripes.reshape(-1, 3))).energy)

    for name, own, other in (
        ("pbtio3-feram", "continuum", "corners"),
        ("batio3-zvr1995", "corners", "continuum"),
    ):
        assert energy(name, "record") == energy(name, own)
        assert energy(name, "record") != pytest.approx(energy(name, other), rel=1e-4)
    engine = lattice_engine(materials.load("batio3-wc2010"), (4, 4, 4), 0.002)
    assert isinstance(engine, ContinuumStrain)
