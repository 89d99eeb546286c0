import numpy as np
import pytest
import xarray as xr

from multiscale import schema
from multiscale.landau import coercive_field
from multiscale.mesoscale.polynomial import UnboundedError
from multiscale.mesoscale.resolution import CoarseGridWarning
from multiscale.stages import hysteresis
from multiscale.stages.hysteresis import Options
from multiscale.stages.hysteresis_model import MinorLoopWarning, prepare

TERMS = ["a1", "a11", "a12", "a111", "a112", "a123"]
TEMPERATURES = (298.0, 500.0, 900.0)
VOLUME = 64 * 62.5  # angstrom^3
QUIET = {"thermal_noise": False, "landau_samples": 0}
SHORT = {"samples_per_cycle": 200, "cycles": 2, "frequencies": (2e10,), "step_fraction": 0.5}


def haun(T):
    return np.array([3.8e5 * (T - 752.15), -7.3e7, 7.5e8, 2.6e8, 6.1e8, -3.7e9])


def landau_dataset(scatter=0.01, n=20, volume=VOLUME):
    a = np.array([haun(T) for T in TEMPERATURES])
    rng = np.random.default_rng(0)
    samples = a * (1 + scatter * rng.standard_normal((n, *a.shape)))
    Q = np.diag([0.089] * 3 + [0.0675] * 3)
    Q[:3, :3] -= 0.026 * (1 - np.eye(3))
    ds = xr.Dataset(
        {
            "coefficient": (("temperature", "term"), a),
            "coefficient_covariance": (
                ("temperature", "term", "term_b"),
                np.array([np.cov(samples[:, i].T) for i in range(3)]),
            ),
            "coefficient_sample": (("sample", "temperature", "term"), samples),
            "volume": ("temperature", np.full(3, volume)),
            "electrostriction": (("temperature", "voigt", "voigt_b"), np.array([Q] * 3)),
            "spontaneous_polarization": (
                ("temperature", "axis"),
                np.array([[0, 0, 0.757], [0, 0, 0.67], [0, 0, 0]]),
            ),
            "coercive_field": ("temperature", np.array([coercive_field(x).field for x in a])),
        },
        coords={"temperature": list(TEMPERATURES), "term": TERMS, "term_b": TERMS},
        attrs={"formula_units": 64},
    )
    return schema.finish("landau", ds)


def gle_dataset(friction=20.0, volume=VOLUME):
    def each(value):
        return (("temperature", "axis", "mode"), np.full((3, 3, 1), value))

    mass = 1.6e-18 * volume * 1e-30 / 1.602176634e-43  # mu of 1.6e-18 J s^2 m/C^2
    ds = xr.Dataset(
        {
            "kernel": (("temperature", "axis", "lag"), np.zeros((3, 3, 4))),
            "mass": (("temperature", "axis"), np.full((3, 3), mass)),
            "friction": (("temperature", "axis"), np.full((3, 3), friction)),
            "friction_stderr": (("temperature", "axis"), np.full((3, 3), 0.1 * abs(friction))),
            "rate_real": each(50.0),
            "rate_imag": each(0.0),
            "amplitude_real": each(50.0 * friction),
            "amplitude_imag": each(0.0),
            "volume": ("temperature", np.full(3, volume)),
        },
        coords={"temperature": list(TEMPERATURES), "lag": np.arange(4) * 0.01},
    )
    return schema.finish("gle", ds)


LANDAU, GLE = landau_dataset(), gle_dataset()


def run(**options):
    return hysteresis.run(landau=LANDAU, gle=GLE, options=Options(**options))


class Memory:
    """A checkpoint in memory that stops the run at its nth save."""

    def __init__(self, stop_after=None):
        self.arrays, self.left = None, stop_after

    def load(self):
        return self.arrays

    def save(self, arrays):
        self.arrays = {k: np.array(v) for k, v in arrays.items()}
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


@pytest.fixture(scope="module")
def quiet():
    return run(**QUIET, frequencies=(1e9,), step_fraction=0.5)


def test_slow_loop_without_noise_has_the_intrinsic_coercive_field(quiet):
    assert quiet["temperature"].values.tolist() == list(TEMPERATURES)
    intrinsic = LANDAU["coercive_field"].values[:2]
    found = quiet["coercive_field"].values[:2]
    assert found[0] == pytest.approx(1.612e8, rel=0.02)
    assert (found > intrinsic * 0.995).all()  # a finite rate can only delay switching
    assert found == pytest.approx(intrinsic, rel=0.02)
    assert quiet["remanent_polarization"].values[0] == pytest.approx(0.757, abs=1e-3)
    assert quiet["loop_area"].values[0] == pytest.approx(4 * 1.612e8 * 0.75, rel=0.05)


def test_loop_is_closed_above_the_transition(quiet):
    assert quiet["state"].values.tolist() == ["switched", "switched", "closed"]
    assert quiet["switched"].values.tolist() == [True, True, False]
    assert abs(quiet["remanent_polarization"].values[2]) < 5e-3
    assert all(doubt.ok for doubt in schema.trust(quiet))


def test_strain_is_electrostriction_times_polarization_squared(quiet):
    first = quiet.isel(loop=0)
    P = first["polarization"].sel(axis="z").values
    assert first["strain"].sel(voigt="zz").values == pytest.approx(0.089 * P**2)
    assert first["strain"].sel(voigt="xx").values == pytest.approx(-0.026 * P**2)


def test_memory_gives_the_same_slow_loop(quiet):
    other = run(
        **QUIET, frequencies=(1e9,), kinetics="memory", temperatures=(298.0,), cycles=2,
        step_fraction=0.4,
    )  # fmt: skip
    assert other["coercive_field"].item() == pytest.approx(
        quiet["coercive_field"].values[0], rel=0.01
    )


def test_error_of_the_coercive_field_is_that_of_the_landau_fit():
    ds = run(temperatures=(298.0,), thermal_noise=False, landau_samples=20, **SHORT)
    exact = [coercive_field(a).field for a in LANDAU["coefficient_sample"].values[:, 0]]
    assert ds["coercive_field_stderr"].item() == pytest.approx(np.std(exact, ddof=1), rel=0.15)


def test_thermal_loop_is_symmetric_and_switches_early():
    ds = run(temperatures=(298.0,), landau_samples=6, seed=3, **{**SHORT, "cycles": 4})
    assert ds["switched"].item()
    assert abs(ds["imprint"].item()) < 4 * ds["imprint_stderr"].item()
    quiet = run(temperatures=(298.0,), **QUIET, **SHORT)
    gain = quiet["coercive_field"].item() - ds["coercive_field"].item()
    assert gain > 4 * ds["coercive_field_stderr"].item()


def test_minor_loop_has_no_coercive_field_and_says_so():
    with pytest.warns(MinorLoopWarning, match=r"amplitude is 8e\+07 V/m .* 1\.612e\+08 V/m"):
        ds = run(**QUIET, **SHORT, temperatures=(298.0,), amplitude="800 kV/cm")
    assert ds["state"].item() == "minor"
    assert np.isnan(ds["coercive_field"].item())
    assert np.isnan(ds["coercive_field_stderr"].item())
    assert not ds["switched"].item()
    (doubt,) = [d for d in schema.trust(ds) if not d.ok]
    assert "Minor loop" in doubt.message


def test_parts_merge_to_the_whole():
    options = Options(
        temperatures=(900.0, 298.0), replicas=2, landau_samples=2,
        **{**SHORT, "frequencies": (4e10, 2e10)},
    )  # fmt: skip
    whole = hysteresis.run(landau=LANDAU, gle=GLE, options=options)
    tasks = hysteresis.split(options)
    assert len(tasks) == 4
    parts = [hysteresis.run(landau=LANDAU, gle=GLE, options=task) for task in tasks]
    merged = hysteresis.merge(parts)
    xr.testing.assert_equal(merged, whole)
    assert len(schema.trust(merged)) == len(schema.trust(whole))
    assert whole["temperature"].values.tolist() == [298.0, 298.0, 900.0, 900.0]


def test_seed_decides_the_noise():
    short = {"temperatures": (900.0,), "replicas": 2, "landau_samples": 0, **SHORT}
    one, same, other = (run(seed=s, **short) for s in (1, 1, 2))
    xr.testing.assert_identical(one, same)
    assert not np.allclose(one["polarization"], other["polarization"])


@pytest.mark.parametrize("kinetics", ["overdamped", "memory"])
@pytest.mark.parametrize("stop", [3, 10, 17])
def test_interrupted_run_continues_bit_for_bit(kinetics, stop):
    options = Options(
        temperatures=(298.0, 900.0), replicas=2, landau_samples=1, kinetics=kinetics,
        **{**SHORT, "frequencies": (1e11,), "samples_per_cycle": 100},
    )  # fmt: skip
    whole = hysteresis.run(landau=LANDAU, gle=GLE, options=options)
    checkpoint = Memory(stop)
    with pytest.raises(KeyboardInterrupt):
        hysteresis.run(landau=LANDAU, gle=GLE, options=options, checkpoint=checkpoint)
    kept = set(checkpoint.arrays)
    checkpoint.left = 2
    with pytest.raises(KeyboardInterrupt):  # a second time, sooner: nothing that was done is lost
        hysteresis.run(landau=LANDAU, gle=GLE, options=options, checkpoint=checkpoint)
    assert kept <= set(checkpoint.arrays)
    checkpoint.left = None
    again = hysteresis.run(landau=LANDAU, gle=GLE, options=options, checkpoint=checkpoint)
    xr.testing.assert_identical(again, whole)


def test_field_model_writes_snapshots_and_warns_of_a_coarse_grid():
    with pytest.warns(CoarseGridWarning, match=r"wall half width is 0\.40 cells"):
        ds = run(
            model="field-1d", cells=8, temperatures=(298.0,), replicas=2, landau_samples=0,
            **{**SHORT, "frequencies": (2e11,), "samples_per_cycle": 64},
        )  # fmt: skip
    assert ds["polarization_field"].sizes == {
        "loop": 1, "snapshot": 32, "x": 8, "y": 1, "z": 1, "axis": 3,
    }  # fmt: skip
    width = next(d for d in schema.trust(ds) if d.check.startswith("wall width"))
    half = 0.49206e-9 * np.sqrt(1.66221)  # P0 over the largest slope, T5
    assert width.value == pytest.approx(half / (VOLUME ** (1 / 3) * 1e-10), rel=2e-3)
    assert not width.ok


def test_axial_loop_ignores_what_the_surface_did_not_determine():
    landau = LANDAU.copy(deep=True)
    landau["coefficient"].loc[{"term": ["a12", "a112", "a123"]}] = np.nan
    setup = prepare(
        landau, GLE, 298.0, 2e10, Options(components="axial", landau_samples=0, **SHORT)
    )
    assert setup.kinetics.model.coefficients[0, [2, 4, 5]] == pytest.approx(0)
    with pytest.raises(ValueError, match=r"coefficients a12, a112, a123 are NaN, .* 'axial'"):
        prepare(landau, GLE, 298.0, 2e10, Options(**SHORT))


def test_unbounded_model_is_refused_with_the_direction():
    landau = LANDAU.copy(deep=True)
    landau["coefficient"].loc[{"term": "a123"}] = -9e9
    with pytest.raises(UnboundedError, match=r"along \(0\.577, 0\.577, 0\.577\)"):
        hysteresis.run(landau=landau, gle=GLE, options=Options(**SHORT))


def test_unbounded_samples_are_left_out_and_counted():
    landau = LANDAU.copy(deep=True)
    landau["coefficient_sample"].loc[{"term": "a123"}] = np.where(
        np.arange(20)[:, None] < 10, -9e9, -3.7e9
    )
    options = Options(temperatures=(298.0,), landau_samples=20, replicas=2, **SHORT)
    ds = hysteresis.run(landau=landau, gle=GLE, options=options)
    doubt = next(d for d in schema.trust(ds) if d.check.startswith("samples of"))
    assert doubt.value == pytest.approx(0.5)
    assert not doubt.ok


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"temperatures": (310.0,)},
            "temperature is 310 K, expected one of stage landau: 298, 500",
        ),
        ({"direction": (0, 0, 0)}, "direction is .*0, 0, 0.*expected a vector"),
        ({"direction": (1, 1, 0), "components": "axial"}, "expected one Cartesian axis"),
        ({"frequencies": (0.0,)}, "expected more than 0 Hz"),
        ({"cycles": 1}, "cycles"),
        ({"amplitude": "3 T"}, "dimension"),
        ({"model": "field-1d", "material": "pbtio3"}, "'pbtio3' has no gradient energy"),
        ({"amplitud": 1e8}, "key 'amplitud' is unknown, nearest is 'amplitude'"),
    ],
)
def test_bad_options_are_refused_with_one_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        run(**{**SHORT, **options})


def test_kinetics_that_cannot_be_used_are_refused_with_the_number():
    with pytest.raises(ValueError, match=r"friction of stage gle at 298 K is \[-1\.0, -1\.0"):
        hysteresis.run(landau=LANDAU, gle=gle_dataset(friction=-1.0), options=Options(**SHORT))


def test_amplitude_must_come_from_somewhere():
    landau = LANDAU.copy(deep=True)
    landau["coercive_field"][:] = np.nan
    with pytest.raises(ValueError, match="Set amplitude"):
        hysteresis.run(landau=landau, gle=GLE, options=Options(**SHORT))
