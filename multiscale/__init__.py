"""Ferroelectrics from atoms to fields, one Dataset at a time.

The map; imports point down only.

core    functions and small frozen states on arrays; no files, no configuration
    units       constants and conversions; what a unit string means
    compiled    the one door to numba
    noise       normal numbers, several at a time
    atoms       scale 1   machine-learned potential with electric response, dynamics in a field
    lattice     scale 1.5 effective Hamiltonian on a lattice of local modes
    sampling    scale 2   collective variables, well-tempered metadynamics, free-energy surfaces
    landau      scale 3   Landau-Devonshire polynomials, fits, strain coupling
    gle         scale 4   memory kernels, Markovian embedding, generalized Langevin simulation
    mesoscale   scale 5   waveforms, field models, analysis of hysteresis loops
border  Dataset in, Dataset out
    schema      the Datasets that pass between stages, and `require`, the check at every door
    materials   records of published materials: Landau sets, elasticity, reference structures
    stages      one thin module per stage: md, metad, landau, gle, hysteresis
edge    files, processes, drawing, printing
    pipeline    run files, store, execution, provenance, report
    plotting    one function per figure
    cli         the command `multiscale`
"""

__version__ = "0.1.0"
