"""Stage hysteresis of a material record: waveforms, and what each of them says."""

import numpy as np
import pytest
import xarray as xr

from multiscale import schema
from multiscale.mesoscale.wall_model import merz_triangle
from multiscale.mesoscale.waveforms import triangle
from multiscale.stages import hysteresis
from multiscale.stages.hysteresis import Options
from multiscale.stages.hysteresis_drive import protocol, reversal_fields
from multiscale.stages.hysteresis_series import growth_dimension

BATIO3 = {"source": "material", "material": "batio3-bell2001", "temperatures": (298.0,)}
FAST = {"frequencies": (1e9,), "samples_per_cycle": 200, "step_fraction": 0.5}
P0, EC = 0.265230, 1.64789e7  # T2
WALL = {
    "material": "batio3-bell2001", "source": "material", "model": "wall", "amplitude": 1e8,
    "samples_per_cycle": 2000, "cycles": 2,
}  # fmt: skip
CELL = {"velocity": 500.0, "activation": 2e8, "residual": "5 nm", "saturation": 0.26}


def run(**options):
    return hysteresis.run(options=Options(**{**BATIO3, **FAST, **options}))


@pytest.fixture(scope="module")
def series():
    return run(frequencies=(2e8, 2e9, 2e10), cycles=2)


def test_a_record_alone_gives_the_intrinsic_loop(series):
    slow = series.isel(loop=0)
    assert slow["remanent_polarization"].item() == pytest.approx(P0, abs=1e-4)
    assert slow["coercive_field"].item() == pytest.approx(EC, rel=0.02)
    assert slow["coercive_field"].item() > EC
    assert slow["coercive_field_up"].item() == pytest.approx(-slow["coercive_field_down"].item())
    assert slow["remanent_polarization_up"].item() == pytest.approx(P0, abs=1e-4)
    assert all(doubt.ok for doubt in schema.trust(series))


def test_current_is_that_of_the_charge_and_leakage_is_found(series):
    one = series.isel(loop=0)
    # behind the crests P rises reversibly: susceptibility of T2, a little less at a high field
    assert 100 < one["apparent_permittivity"].item() < 200
    J, t = one["current_density"].values, 1e-12 * one["elapsed"].values
    cycle = slice(-201, None)
    D = one["electric_displacement"].values
    assert np.trapezoid(np.abs(J)[cycle], t[cycle]) >= np.abs(np.diff(D[cycle])).sum() * 0.98
    fields = one["peak_field"].values
    assert np.sort(fields[np.isfinite(fields)]) == pytest.approx([-EC, EC], rel=0.03)


def test_leakage_is_separated_from_what_a_clean_sample_has():
    clean, leaky = (run(conductivity=sigma) for sigma in (0.0, 0.5))
    found = leaky["apparent_conductivity"].item() - clean["apparent_conductivity"].item()
    assert found == pytest.approx(0.5, rel=1e-6)
    added = leaky["current_density"] - clean["current_density"]
    assert added.values[0, 5:-5] == pytest.approx(0.5 * clean["electric_field"].values[0, 5:-5],
                                                  abs=0.01 * 0.5 * 2.5e7)  # fmt: skip


def test_coercive_field_grows_with_frequency_by_a_small_power(series):
    E = series["coercive_field"].values
    b = np.polyfit(np.log(series["frequency"].values), np.log(E), 1)[0]
    assert series["power_law_exponent"].item() == pytest.approx(b, abs=0.005)
    assert 0 < b < 0.05


def test_displacement_may_be_what_is_analysed():
    P, D = (run(analyse=what, background_permittivity=50.0) for what in "PD")
    added = 8.854e-12 * 50 * D["amplitude"].item()
    rise = D["saturation_polarization"].item() - P["saturation_polarization"].item()
    assert rise == pytest.approx(added, rel=1e-3)
    assert D.attrs["analysed"] == "D"
    assert D["coercive_field"].item() == pytest.approx(P["coercive_field"].item(), rel=5e-3)


def test_pund_gives_twice_the_remanence_and_leakage_cancels():
    ds = run(waveform="pund", conductivity=0.2)
    assert ds["switched_polarization"].item() == pytest.approx(2 * P0, rel=1e-3)  # T21
    clean = run(waveform="pund")
    leak = ds["nonswitched_polarization"].item() - clean["nonswitched_polarization"].item()
    rise, width, _ = Options(**BATIO3).pulse.shape
    charge = 0.2 * ds["amplitude"].item() * (width + rise / 2) * 1e-9
    assert leak == pytest.approx(charge, rel=0.02)
    assert ds["switched"].item()
    assert ds["pulse"].values.tolist() == ["preset", "P", "U", "N", "D"]


def test_times_of_pulses_make_the_frequency():
    pulse = {"rise": "1 ns", "width": "8 ns", "delay": "10 ns", "train": (1, 1, -0.5)}
    options = Options(**BATIO3, waveform="pulses", pulse=pulse)
    assert options.rates == pytest.approx((5e7,))
    drive = protocol(options)
    top = drive.wave(np.array([0.25, 1.25, 2.25, 0.75]))
    assert top == pytest.approx([1, 1, -0.5, 0])
    with pytest.raises(ValueError, match="the times of the pulses make 5e"):
        Options(**BATIO3, waveform="pulses", pulse=pulse, frequencies=(1e9,))


def test_reversal_curves_of_one_hysteron_make_a_peak_at_its_fields():
    ds = run(waveform="forc", reversals=20)
    rho = np.nan_to_num(ds["forc_density"].values[0])
    at = np.unravel_index(rho.argmax(), rho.shape)
    Er, E = ds["reversal_field"].values[at[0]], ds["forc_field"].values[at[1]]
    cell = ds["forc_field"].values[1] - ds["forc_field"].values[0]
    assert Er == pytest.approx(-EC, abs=2 * cell)
    assert E == pytest.approx(EC, abs=2 * cell)
    c, b = np.unravel_index(ds["preisach_density"].values[0].argmax(), (21, 41))
    assert ds["coercivity"].values[c] == pytest.approx(EC, abs=2 * cell)
    assert abs(ds["bias"].values[b]) <= 2 * cell
    (share,) = [d for d in schema.trust(ds) if d.check.startswith("integral")]
    assert share.value == pytest.approx(1, abs=0.15)


def test_reversals_are_even_and_end_at_the_amplitude():
    fields = reversal_fields(Options(**BATIO3, waveform="forc", reversals=10))
    assert np.diff(fields) == pytest.approx(-0.2)
    assert fields[-1] == -1


def test_sub_loops_are_censored_below_the_coercive_field():
    ds = run(waveform="staircase", amplitudes=(0.5, 1.0), stairs=50, cycles=2)
    E = ds["subloop_coercive_field"].values[0]
    assert np.isnan(E[0])
    assert E[1] == pytest.approx(EC, rel=0.06)
    assert ds["coercive_field"].item() == pytest.approx(E[1])
    assert ds["subloop_area"].values[0, 0] < 0.01 * ds["subloop_area"].values[0, 1]


def test_a_measured_drive_is_repeated_cycle_by_cycle():
    t = np.linspace(0, 1e-9, 41)
    table = np.stack([t + 3e-9, 2.5e7 * np.sin(2 * np.pi * t / 1e-9)], axis=1)
    ds = run(waveform="table", field_table=table.tolist(), frequencies=(1e9,), amplitude=2.5e7)
    sine = run(waveform="sine", amplitude=2.5e7)
    assert ds["coercive_field"].item() == pytest.approx(sine["coercive_field"].item(), rel=5e-3)
    with pytest.raises(ValueError, match="increasing times"):
        Options(**BATIO3, waveform="table", field_table=[(0, 0), (2, 1), (1, 0)])


def test_loops_of_walls_follow_the_closed_form_and_give_back_their_law():
    f = (1e6, 1e7, 1e8, 2.5e8)
    wall = {**CELL, "half_lengths": ["100 nm", "200 nm"]}
    ds = hysteresis.run(options=Options(**WALL, frequencies=f, wall=wall))
    for n in range(ds.sizes["loop"]):
        one = ds.isel(loop=n)
        way = one["half_length"].item() / 2 - 5e-9
        exact = merz_triangle(way, 500.0, 2e8, 1e8, 1 / one["frequency"].item())
        assert one["coercive_field"].item() == pytest.approx(exact, rel=1e-4, nan_ok=True)
    small = ds.isel(series=0)
    assert small["series_half_length"].item() == pytest.approx(1e-7)
    assert small["merz_activation_field"].item() == pytest.approx(2e8, rel=2e-3)
    assert small["merz_rate"].item() == pytest.approx(500 / 45e-9, rel=0.01)
    states = ds["state"].values.tolist()
    assert states.count("minor") == int(np.isnan(ds["coercive_field"].values).sum()) == 3


def test_velocities_of_a_table_carry_their_errors_into_the_coercive_field():
    E = np.array([0.3, 0.45, 0.6, 0.8, 1.0]) * 1e8
    v = 500 * np.exp(-2e8 / E)
    rows = np.stack([0 * E + 300.0, E, v, 0.1 * v], axis=1)
    wall = {"table": rows.tolist(), "saturation": 0.26}
    options = Options(**WALL, frequencies=(1e6,), temperatures=(300.0,), wall=wall)
    ds = hysteresis.run(options=options)
    exact = merz_triangle(45e-9, 500.0, 2e8, 1e8, 1e-6)
    assert ds["coercive_field"].item() == pytest.approx(exact, rel=1e-4)
    # errors of 10 % in v are errors of 10 % / (Ea/E) in E, and five of them are averaged
    share = ds["coercive_field_stderr"].item() / exact
    assert 0.3 < share / (0.1 / 5 / np.sqrt(5)) < 3
    with pytest.raises(ValueError, match=r"no velocity at 400 K, expected one of 300 K"):
        hysteresis.run(options=options.model_copy(update={"temperatures": (400.0,)}))


def test_nucleation_floor_and_pinning_raise_the_coercive_field():
    plain, pinned, floor = (
        hysteresis.run(options=Options(**WALL, frequencies=(1e6,), wall={**CELL, **more}))
        for more in (
            {},
            {"pinning": {"strength": "100 kV/cm"}},
            {"dimension": 2, "wall_energy": 0.005},
        )
    )
    assert floor["nucleation_floor"].item() == pytest.approx(0.005 / (2 * 0.26 * 5e-9))
    assert pinned["coercive_field"].item() > plain["coercive_field"].item() * 1.02
    assert plain["nucleation_floor"].item() == 0


def test_parts_of_a_record_merge_to_the_whole():
    options = Options(**{**BATIO3, **FAST, "temperatures": (300.0, 350.0), "cycles": 2})
    parts = [hysteresis.run(options=task) for task in hysteresis.split(options)]
    xr.testing.assert_equal(hysteresis.merge(parts), hysteresis.run(options=options))


@pytest.mark.parametrize(("options", "message"), [
    ({"model": "wall"}, r"table \[hysteresis.wall\] is absent"),
    ({**WALL, "amplitude": None, "wall": CELL}, "amplitude is absent with model = 'wall'"),
    ({"model": "wall", "amplitude": 1e7, "wall": {"velocity": 3.0}}, "wall has no activation"),
    ({"model": "film"}, r"table \[hysteresis.film\] is absent"),
    ({"misfit": -0.01}, "misfit is -0.01 with boundary = 'free'"),
    ({"kinetics": "memory"}, r"table \[hysteresis.kernel\]"),
    ({"kinetics": "quasi-static", "thermal_noise": True}, "expected neither"),
    ({"disorder": {}}, "expected cells that differ"),
    ({"load": {"thickness": "1 um"}}, "neither resistance_area nor capacitance"),
    ({"load": {"thickness": "1 um", "capacitance": 1.0}, "direction": (1, 0, 1)}, "load is given"),
    ({"stress": {}}, "expected a box that can strain"),
    ({"start": "cooled"}, "expected 'cooled' and a table"),
    ({"amplitudes": (1.0, 0.5)}, "expected rising fractions"),
    ({"waveform": "table"}, "expected both or neither"),
    ({"pulse": {"rise": "1 ns"}}, "expected all three or none"),
    ({"wal": {}}, "key 'wal' is unknown, nearest is 'wall'"),
])  # fmt: skip
def test_options_that_contradict_each_other_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Options(**{**BATIO3, **options})


def test_stages_are_asked_for_where_they_are_needed():
    assert Options().parents == ("landau", "gle")
    assert Options(**BATIO3).parents == ()
    assert Options(**{**WALL, "source": "stages"}, wall=CELL).parents == ("landau",)
    with pytest.raises(ValueError, match=r"source is 'stages' without landau"):
        hysteresis.run(options=Options())


def test_a_kernel_that_pumps_energy_is_refused_before_the_first_step():
    kernel = {"inertia": 1e-18, "rates": [10.0, 9.0], "amplitudes": [300.0, -50.0]}
    with pytest.raises(ValueError, match=r"kernel mode 1 has passivity margin -1"):
        run(kinetics="memory", kernel=kernel)


@pytest.mark.parametrize("d", [1.0, 2.0, 3.0])
def test_growth_dimension_is_that_of_planted_collapse(d):
    """Loops P = 1 - 2 exp(-f^-d Phi(E)), Phi ~ E^4 (Orihara & Ishibashi), on both branches."""
    f = np.array([1.0, 2.0, 4.0])
    phase = np.arange(401) / 200
    E = 1e7 * np.array([triangle(phase, amplitude=1.0, frequency=1.0)] * 3)
    rising = np.gradient(E[0]) > 0
    x = np.where(rising, E[0], -E[0]) / 1e7
    X = 20 * f[:, None] ** -d * np.maximum(x, 0) ** 4
    P = np.where(rising, 1, -1) * (1 - 2 * np.exp(-X))
    ds = xr.Dataset(
        {"electric_field": (("loop", "time"), E), "frequency": ("loop", f),
         "polarization": (("loop", "time", "axis"), P[..., None] * [0, 0, 1.0]),
         "elapsed": (("loop", "time"), 1e12 * phase / f[:, None]),
         "amplitude": ("loop", np.full(3, 1e7))}
    )  # fmt: skip
    assert growth_dimension(ds) == pytest.approx(d, rel=0.05)
