"""Which options of stage hysteresis fit together; every refusal says what to do."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from multiscale.stages.hysteresis_options import Options

PULSED = ("pund", "pulses")
PERIODIC = ("triangle", "sine", "staircase", "table")


def check_drive(o: "Options") -> None:
    """Refuse a field that is no field, or that is given twice."""
    if min(o.frequencies) <= 0:
        raise ValueError(f"frequencies are {o.frequencies}, expected more than 0 Hz. Correct them.")
    if not any(o.direction):
        raise ValueError("direction is (0, 0, 0), expected a vector. Give the field's axis.")
    if o.amplitudes and (o.waveform not in PERIODIC or min(np.diff(o.amplitudes, prepend=0)) <= 0):
        raise ValueError(
            f"amplitudes are {o.amplitudes} with waveform = {o.waveform!r}, expected rising "
            f"fractions and one of {', '.join(PERIODIC)}. Correct one of them."
        )
    if (o.waveform == "table") != bool(o.field_table):
        raise ValueError(
            f"waveform is {o.waveform!r} and field_table has {len(o.field_table)} entries, "
            "expected both or neither. Give waveform = 'table' and field_table."
        )
    if o.waveform == "table" and not isinstance(o.field_table, str):
        t = np.array(o.field_table)[:, 0]
        if len(t) < 3 or (np.diff(t) <= 0).any():
            raise ValueError(
                f"field_table has {len(t)} rows from {t[0]:g} to {t[-1]:g} s, expected at least 3 "
                "with increasing times. Sort them and drop repeated rows."
            )
    given = "frequencies" in o.model_fields_set
    if given and not np.allclose(o.frequencies, o.rates, rtol=1e-9):
        raise ValueError(
            f"frequencies are {o.frequencies} Hz and the times of the {o.waveform} make "
            f"{o.rates[0]:g} Hz, expected one of them. Leave frequencies out."
        )


def check_kinetics(o: "Options") -> None:
    """Refuse kinetics that the model does not have."""
    plain = o.film is None and o.load is None
    if o.boxed and (o.components != "vector" or (o.kinetics == "memory" and not plain)):
        raise ValueError(
            f"model is {o.model!r} with components = {o.components!r} and kinetics = "
            f"{o.kinetics!r}, expected 'vector' and 'overdamped' for films and load, 'vector' for "
            "boxes, strain and disorder. Choose these."
        )
    if o.kinetics == "memory" and o.source == "material" and o.kernel is None:
        raise ValueError(
            "kinetics is 'memory' with source = 'material', expected a table [hysteresis.kernel] "
            "with inertia, rates and amplitudes. Add it, or take the gle stage."
        )
    if o.kinetics == "quasi-static" and (o.thermal_noise or o.load is not None):
        raise ValueError(
            f"kinetics is 'quasi-static' with thermal_noise = {o.thermal_noise} and load = "
            f"{o.load}, expected neither. Set thermal_noise = false and leave the load out."
        )
    if o.components == "axial" and np.count_nonzero(o.direction) > 1:
        raise ValueError(
            f"direction is {o.direction} with components = 'axial', expected one Cartesian "
            "axis. Choose (0, 0, 1) or components = 'vector'."
        )


def check_model(o: "Options") -> None:
    """Refuse tables without their model, and models without their table."""
    for name in ("film", "wall"):
        if (o.model == name) != (getattr(o, name) is not None):
            raise ValueError(
                f"model is {o.model!r} and the table [hysteresis.{name}] is "
                f"{'absent' if o.model == name else 'there'}, expected both or neither. "
                f"Add the table, or change the model."
            )
    if o.model == "film" and (o.axis != (0, 0, 1)).any():
        raise ValueError(
            f"direction is {o.direction} with model = 'film', expected (0, 0, 1), the normal of "
            "the film. Set it, or take a box with boundary = 'film'."
        )
    if o.model == "film" and (o.boundary != "free" or o.misfit or o.turned):
        raise ValueError(
            f"boundary is {o.boundary!r}, misfit {o.misfit:g} and normal {o.normal} with model = "
            "'film', expected a (001) film, its strain in film.misfit. Move it there."
        )
    if o.model == "wall" and o.amplitude is None:
        raise ValueError(
            "amplitude is absent with model = 'wall', expected a field: walls move far below the "
            "intrinsic coercive field. Set amplitude, such as '300 kV/cm'."
        )
    if (o.start == "cooled") != (o.cooling is not None):
        raise ValueError(
            f"start is {o.start!r} and [hysteresis.cooling] is {o.cooling}, expected 'cooled' and "
            "a table, or neither. Correct one of them."
        )


def check_parts(o: "Options") -> None:
    """Refuse boundary conditions and parts that contradict each other."""
    if o.misfit and (o.boundary != "film" or not o.elasticity):
        raise ValueError(
            f"misfit is {o.misfit:g} with boundary = {o.boundary!r} and elasticity = "
            f"{o.elasticity}, expected 'film' and true. Set them, or leave the misfit out."
        )
    if o.boundary != "free" and not o.elasticity:
        raise ValueError(
            f"boundary is {o.boundary!r} without elasticity, expected 'free'. Set elasticity."
        )
    if o.film is not None and o.film.misfit and not o.elasticity:
        raise ValueError(
            f"film.misfit is {o.film.misfit:g} without elasticity, expected elasticity = true. "
            "Set it, or leave the misfit out."
        )
    if o.film is not None and o.film.substrate is not None and not o.elasticity:
        raise ValueError(
            f"film.substrate is {o.film.substrate!r} without elasticity, expected elasticity = "
            "true. Set it, or leave the substrate out."
        )
    if o.stress is not None and (not o.elasticity or o.boundary == "clamped" or o.film):
        raise ValueError(
            f"stress is given with elasticity = {o.elasticity}, boundary = {o.boundary!r} and "
            f"model = {o.model!r}, expected a box that can strain. Set elasticity = true and "
            "boundary = 'free'."
        )
    if o.load is not None and (
        o.film is not None or o.model == "wall" or o.turned or np.count_nonzero(o.direction) > 1
    ):
        raise ValueError(
            f"load is given with model = {o.model!r} and direction {o.direction}, expected a box "
            "whose electrodes are normal to one of its axes. Choose (0, 0, 1) and a box."
        )
    if o.disorder is not None and o.dimension == 0:
        raise ValueError(
            f"disorder is given with model = {o.model!r}, expected cells that differ. Choose "
            "field-1d, field-2d, field-3d or film."
        )


def check_numerics(o: "Options") -> None:
    """Refuse precision, threads and differences where there is no box that has them."""
    box = o.boxed and o.film is None
    if o.precision == "single" and (not box or o.kinetics != "overdamped"):
        raise ValueError(
            f"precision is 'single' with model = {o.model!r} and kinetics = {o.kinetics!r}, "
            "expected 'double' except for overdamped boxes. Set it, or choose field-2d or "
            "field-3d."
        )
    if o.workers > 1 and not box:
        raise ValueError(
            f"workers is {o.workers} with model = {o.model!r}, expected 1: only the cells of "
            "boxes are shared among threads. Set it, or choose field-2d or field-3d."
        )
    if o.differences and (o.dimension == 0 or not box):
        raise ValueError(
            f"differences is true with model = {o.model!r}, expected false except for boxes whose "
            "polarization varies. Set it, or choose field-1d, field-2d or field-3d."
        )
