"""The domain walls of a material record's Landau set, as plain numbers in SI units."""

from collections.abc import Callable
from typing import Any

from multiscale import landau
from multiscale.landau.polynomials import Array
from multiscale.materials import Material
from multiscale.stages.landau_record import elasticity, gradient

TILTS = (0.0, 0.5)  # starts of a wall in which P keeps its plane, and of one in which it turns

Make = Callable[[landau.Elasticity | None], dict[str, Any]]


def walls(
    record: Material, a: Array, state: landau.Minimum, remarks: list[str]
) -> dict[str, Any] | None:
    """Return energy and width of each kind of neutral coherent wall, rigid and elastic.

    Keys are angles. Of several planes that an angle allows, that of the lowest elastic wall. What
    does not exist is None, and remarks get a sentence that says why.

    Parameters
    ----------
    record : Material
        With gradient coefficients; without elasticity only the tetragonal phase has walls.
    a : array, shape (n_terms,)
        Coefficients at the temperature, SI.
    state : Minimum
        The ground state.
    remarks : list of str
        Appended to.
    """
    G, elastic = gradient(record), elasticity(record)
    if G is None or state.phase == "C":
        why = "the record has no gradient coefficients" if G is None else "the phase is C"
        remarks.append(f"No walls: {why}.")
        return None
    kinds: dict[str, landau.Elasticity | None] = {"rigid": None}
    if elastic is not None:
        kinds["elastic"] = elastic
    if state.phase == "T":
        makers = _tetragonal(a, G)
    elif elastic is None:
        remarks.append("No walls: the planes that fit depend on electrostriction, which is absent.")
        return None
    else:
        makers = _others(a, G, state, elastic)
    return {angle: _each(angle, make, kinds, remarks) for angle, make in makers.items()}


def _each(
    angle: str, make: Make, kinds: dict[str, landau.Elasticity | None], remarks: list[str]
) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for kind, mechanics in kinds.items():
        try:
            out[kind] = make(mechanics)
        except (ValueError, RuntimeError) as error:
            remarks.append(f"No {kind} {angle}-degree wall: {error}")
            out[kind] = None
    return out


def _tetragonal(a: Array, G: tuple[float, ...]) -> dict[str, Make]:
    """Return how to make 180-degree walls in closed form, and 90-degree walls."""

    def straight(mechanics: landau.Elasticity | None) -> dict[str, Any]:
        w = landau.wall_180(a, G, mechanics)
        return {"energy": w.energy, "width": w.width, "tanh_width": w.tanh_width}

    def corner(mechanics: landau.Elasticity | None) -> dict[str, Any]:
        w = landau.wall_90(a, G, mechanics)
        return {"energy": w.energy, "width": w.width, "stable": w.stable}

    return {"180": straight, "90": corner}


def _others(
    a: Array, G: tuple[float, ...], state: landau.Minimum, elastic: landau.Elasticity
) -> dict[str, Make]:
    """Return how to make the walls of each angle, in the plane of the lowest elastic one."""
    found: dict[str, list[tuple[landau.Wall, landau.WallKind]]] = {}
    for kind in landau.wall_kinds(state.polarization, elastic.electrostriction):
        lowest = _lowest(a, G, kind, elastic)
        found.setdefault(f"{kind.angle:.0f}", []).append((lowest, kind))

    def maker(kind: landau.WallKind) -> Make:
        def make(mechanics: landau.Elasticity | None) -> dict[str, Any]:
            w = _lowest(a, G, kind, mechanics)
            numbers = {"energy": w.energy, "width": w.width, "stable": w.stable}
            return {**numbers, "normal": kind.normal.tolist()}

        return make

    return {
        angle: maker(min(of_angle, key=lambda pair: pair[0].energy)[1])
        for angle, of_angle in found.items()
    }


def _lowest(
    a: Array, G: tuple[float, ...], kind: landau.WallKind, mechanics: landau.Elasticity | None
) -> landau.Wall:
    """Return the lower of the walls from straight and turning starts."""
    both = [
        landau.relax_wall(a, G, kind.domains, kind.normal, mechanics, tilt=tilt) for tilt in TILTS
    ]
    return min(both, key=lambda w: w.energy)
