"""One look at what would run, before anything does: potential, crystal and field fit together."""

from pydantic import BaseModel

FIELD = 1e-4  # V/angstrom; any field will do to see whether there is a polarization to couple to


def preflight(options: BaseModel) -> None:
    """Set up a simulation as its stage will, and evaluate its potential once.

    Options of stages that simulate nothing pass.

    Raises
    ------
    ValueError
        The potential or material is unknown, the potential was not trained on a species, atoms
        overlap, a field is asked of a system without polarization, what is to be recorded or the
        unit cells that a bias acts on do not exist, or PLUMED is not there or refuses its input.
    """
    if not {"potential", "ensemble"} <= type(options).model_fields.keys():
        return
    from multiscale.stages.recording import Moment, take  # noqa: PLC0415 - torch is heavy
    from multiscale.stages.simulation import (  # noqa: PLC0415 - torch is heavy
        SimulationOptions,
        prepare,
    )

    if not isinstance(options, SimulationOptions):
        return
    one = options.model_copy(update={"walkers": 1})
    walkers = prepare(one, options.temperatures[0])
    field = walkers.kT.new_tensor([0.0, 0.0, FIELD]) if any(options.electric_field) else None
    walkers.engine.evaluate(walkers.system, field)
    at_rest = Moment(walkers.system, 0 * walkers.system.positions, walkers.engine, options.size)
    take(getattr(options, "record", ()), at_rest)
    if "plumed_input" in type(options).model_fields:
        from multiscale.stages import metad_bias, metad_options, metad_plumed  # noqa: PLC0415

        assert isinstance(options, metad_options.Options)
        metad_bias.check(options, walkers)
        metad_plumed.ready(options)
