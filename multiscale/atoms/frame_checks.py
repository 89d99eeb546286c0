"""What can be wrong with labelled structures, found before any work starts.

A Finding is hard where the data would teach or judge wrongly, and soft where they are odd but
usable. Magnitudes and the fit of labels to each other tell units apart.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import ase
import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from multiscale import units
from multiscale.atoms.findings import Data, Finding, listed
from multiscale.atoms.frame_verdicts import consistency
from multiscale.atoms.labels import Labels, identity, labels

Array = NDArray[np.float64]
BOHR = 0.529177  # angstrom
POLARIZABILITY_VOLUME = 4 * np.pi * units.EPSILON0_ATOMIC  # e*angstrom^2/V per angstrom^3
SUM_RULE = 1e-2
"""Largest sum of the Born charges per atom, e."""


class Bound(NamedTuple):
    """Between which values a size of a label is believed, over a file and in one frame."""

    size: Callable[[ase.Atoms, Labels], float | None]
    what: str
    unit: str
    typical: float  # the median over frames must not be above
    largest: float  # a frame above is odd
    hint: str


def check_frames(
    frames: Sequence[ase.Atoms], where: str = "frames", *, lenient: bool = False
) -> list[str]:
    """Return what is odd about labelled frames; refuse what would teach or judge wrongly.

    Parameters
    ----------
    frames : sequence of ase.Atoms
        Labelled structures of one file.
    where : str
        What they are called in messages, such as the path of the file.
    lenient : bool
        Whether labels that do not fit each other are only odd: a statistical verdict may stop a
        training, but not a comparison.

    Raises
    ------
    ValueError
        If a frame is not a crystal or has no label; if a label has the wrong shape, is not finite,
        has a size that shows another unit, or does not fit the other labels; if Born charges do
        not sum to zero. The message names the frames.
    """
    data = Data(frames, _labels_of(frames, where), where)
    odd = []
    for check in (_finite, _sizes, _permittivity, _sum_rules, _duplicates, consistency):
        for finding in check(data):
            if finding.hard and not (lenient and check is consistency):
                raise ValueError(finding.message)
            odd.append(finding.message)
    return odd


def check_species(frames: Sequence[ase.Atoms], known: Sequence[int], where: str) -> None:
    """Raise ValueError, with the frames, if one has a species that a potential does not know."""
    strange = [sorted(set(a.numbers.tolist()) - set(known)) for a in frames]
    bad = [k for k, numbers in enumerate(strange) if numbers]
    if bad:
        names = sorted({chemical_symbols[z] for numbers in strange for z in numbers})
        raise ValueError(
            f"{where}: {listed(bad)} has species {', '.join(names)}, expected "
            f"{', '.join(chemical_symbols[z] for z in known)}, which the potential was trained on. "
            "Choose another potential, or remove the frames."
        )


def _labels_of(frames: Sequence[ase.Atoms], where: str) -> list[Labels]:
    """Return the labels of all frames; refuse frames that are no crystals or have none."""
    found = []
    for k, atoms in enumerate(frames):
        cell = np.array(atoms.cell)
        if not atoms.pbc.all() or not np.isfinite(cell).all() or abs(np.linalg.det(cell)) < 1e-6:
            raise ValueError(
                f"{where}: frame {k} is not periodic in three dimensions (pbc "
                f"{atoms.pbc.tolist()}, volume {abs(np.linalg.det(cell)):.3g} angstrom^3), "
                "expected a crystal. Set pbc and Lattice."
            )
        try:
            found.append(labels(atoms))
        except ValueError as error:
            raise ValueError(f"{where}: frame {k}: {error}") from None
    if empty := [k for k, each in enumerate(found) if not each.names]:
        raise ValueError(
            f"{where}: {listed(empty)} has no label, expected energy, forces, stress, "
            "polarization, born_effective_charges or polarizability. Remove it, or add labels."
        )
    return found


def _finite(data: Data) -> Iterator[Finding]:
    for name in ("positions", *Labels._fields):
        values = [
            atoms.positions if name == "positions" else getattr(each, name)
            for atoms, each in zip(data.frames, data.labels, strict=True)
        ]
        bad = [k for k, v in enumerate(values) if v is not None and not np.isfinite(v).all()]
        if bad:
            yield Finding(
                True,
                f"{data.where}: {name} of {listed(bad)} is not finite, expected numbers. Remove "
                f"{'it' if len(bad) == 1 else 'them'}.",
            )


def _biggest(name: str) -> Callable[[ase.Atoms, Labels], float | None]:
    """Return a function that gives the largest component of a label."""

    def size(_: ase.Atoms, of: Labels) -> float | None:
        value = getattr(of, name)
        return None if value is None else float(np.abs(value).max())

    return size


BOUNDS = (
    Bound(
        _biggest("forces"), "largest force", "eV/angstrom", 60.0, 100.0,
        "Forces in meV/angstrom are 1000 times too large, in kcal/mol/angstrom 23 times.",
    ),
    Bound(
        _biggest("stress"), "largest stress", "eV/angstrom^3", 1.0, 1.0,
        f"It is probably in GPa (divide by {units.GPA:.1f}) or in kbar (divide by "
        f"{10 * units.GPA:.0f}); a virial goes under the name virial.",
    ),
    Bound(
        _biggest("born_charges"), "largest Born charge", "e", 25.0, 25.0,
        "Give Born charges in e.",
    ),
)  # fmt: skip


def _sizes(data: Data) -> Iterator[Finding]:
    """Labels too large to be in the right unit, and energies that scatter too much."""
    for bound in BOUNDS:
        known = {
            k: value
            for k, (atoms, each) in enumerate(zip(data.frames, data.labels, strict=True))
            if (value := bound.size(atoms, each)) is not None
        }
        bad = [k for k, value in known.items() if value > bound.largest]
        middle = float(np.median(list(known.values()))) if known else 0.0
        if middle > bound.typical or bad:
            hard = middle > bound.typical
            number = middle if hard else max(known.values())
            yield Finding(
                hard,
                f"{data.where}: {bound.what} of {listed(bad or list(known))} is {number:.3g} "
                f"{bound.unit}{' (median)' if hard else ''}, expected below {bound.typical:g}. "
                + (bound.hint if hard else "Check these frames."),
            )
    yield from _energy_scatter(data)


def _energy_scatter(data: Data) -> Iterator[Finding]:
    """Energies per atom of one composition lie within a few eV: atoms bind with about five."""
    alike: dict[bytes, list[float]] = {}
    for atoms, each in zip(data.frames, data.labels, strict=True):
        if each.energy is not None:
            share = np.sort(atoms.numbers)
            alike.setdefault(share.tobytes(), []).append(each.energy / len(share))
    scatter = max((float(np.ptp(np.array(e))) for e in alike.values()), default=0.0)
    middle = max((float(np.median(np.abs(np.array(e) - np.median(e)))) for e in alike.values()),
                 default=0.0)  # fmt: skip
    if middle > 3.0 or scatter > 10.0:
        number = middle if middle > 3.0 else scatter
        yield Finding(
            middle > 3.0,
            f"{data.where}: energies of the same atoms differ by {number:.3g} eV per atom, "
            "expected a few eV at most. Give energies of the cell in eV, of one method.",
        )


def _permittivity(data: Data) -> Iterator[Finding]:
    """Polarizabilities that give a permittivity no insulator has."""
    epsilon = {
        k: 1 + float(np.trace(a.polarizability)) / 3 / units.EPSILON0_ATOMIC / atoms.get_volume()
        for k, (atoms, a) in enumerate(zip(data.frames, data.labels, strict=True))
        if a.polarizability is not None
    }
    if not epsilon:
        return
    middle = float(np.median(list(epsilon.values())))
    hint = (
        f"A polarizability volume in angstrom^3 is multiplied by {POLARIZABILITY_VOLUME:.4f}, one "
        f"in bohr^3 by {POLARIZABILITY_VOLUME * BOHR**3:.5f}, a susceptibility by "
        f"{units.EPSILON0_ATOMIC:.5f} times the volume."
    )
    if not 1.0 < middle < 50.0:
        yield Finding(
            True,
            f"{data.where}: polarizability gives a permittivity of {middle:.3g}, expected between "
            f"1 and 50, so it is not in e*angstrom^2/V of the cell. {hint}",
        )
    elif not 1.3 < middle < 12.0:
        yield Finding(
            False,
            f"{data.where}: polarizability gives a permittivity of {middle:.3g}, expected between "
            f"1.3 and 12 for most insulators. Check its unit (e*angstrom^2/V). {hint}",
        )
    elif bad := [k for k, value in epsilon.items() if not 0.5 < value / middle < 2.0]:
        yield Finding(
            False,
            f"{data.where}: polarizability of {listed(bad)} is far from the others', expected "
            "within a factor of two. Check these frames.",
        )


def _sum_rules(data: Data) -> Iterator[Finding]:
    """Born charges and forces must sum to zero, or a rigid shift would polarize or accelerate."""
    for name, limit, unit, hard in (
        ("born_charges", SUM_RULE, "e", True),
        ("forces", 1e-2, "eV/angstrom", False),
    ):
        rest = {
            k: float(np.abs(value.mean(axis=0)).max())
            for k, each in enumerate(data.labels)
            if (value := getattr(each, name)) is not None
        }
        if bad := [k for k, value in rest.items() if value > limit]:
            yield Finding(
                hard,
                f"{data.where}: {name} of {listed(bad)} sum to {max(rest.values()):.3g} {unit} per "
                f"atom, expected less than {limit:g} (sum rule). "
                + ("Converge them, or subtract their mean." if hard else "Converge the forces."),
            )


def _duplicates(data: Data) -> Iterator[Finding]:
    """Frames that are there twice: harmless with equal labels, wrong with different energies."""
    first: dict[bytes, int] = {}
    twins: list[tuple[int, int]] = []
    for k, atoms in enumerate(data.frames):
        twin = first.setdefault(identity(atoms), k)
        if twin != k:
            twins.append((twin, k))
    for a, b in twins:
        e, f = data.labels[a].energy, data.labels[b].energy
        if e is not None and f is not None and abs(e - f) / len(data.frames[a]) > 0.01:
            yield Finding(
                True,
                f"{data.where}: frames {a} and {b} are the same structure with energies {e:.6g} "
                f"and {f:.6g} eV, expected one energy. Remove one.",
            )
    if twins:
        yield Finding(
            False,
            f"{data.where}: {listed([k for _, k in twins])} repeat earlier ones ({twins[0][1]} is "
            f"{twins[0][0]}), expected each structure once. Remove the repeats.",
        )
