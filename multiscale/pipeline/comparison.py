"""The command `compare`: two free energies in, their difference out, and a figure beside it."""

import io
from pathlib import Path
from typing import Any

from multiscale import schema
from multiscale.pipeline import folder as folders
from multiscale.pipeline import provenance, store
from multiscale.stages import comparison


def compare_files(first: Path, second: Path, output: Path, cutoff: float, figure: bool) -> str:
    """Write the comparison of two stages' files, and say what came out.

    Parameters
    ----------
    first, second : Path
        Files of stages metad, mean_force or md.
    output : Path
        The file to write.
    cutoff : float
        Only what is lower counts, in kT.
    figure : bool
        Draw both and their difference as PNG beside output.

    Raises
    ------
    FileNotFoundError, ValueError
        A file is missing or damaged, or the two cannot be compared.
    """
    pair = [store.load(first), store.load(second)]
    ds = comparison.compare(pair[0], pair[1], cutoff)
    folders.prepare(output.parent)
    sources = {str(path): store.file_hash(path) for path in (first, second)}
    facts = provenance.describe({"comparison": sources, "cutoff": cutoff}, threads=1)
    store.save(provenance.stamp(ds, facts, f"comparison of {first} and {second}", pair), output)
    written = [str(output)]
    if figure:
        written.append(str(_draw(ds, output.with_suffix(".png"))))
    for T in ds["temperature"].values:
        one = ds.sel(temperature=T)
        written.append(
            f"{T:g} K: {1e3 * float(one['rms']):.3g} meV/f.u. apart, chi^2/n "
            f"{float(one['chi_square']):.3g}, p-value {float(one['p_value']):.3g}"
        )
    failed = [doubt for doubt in schema.trust(ds) if not doubt.ok]
    return "\n".join([*written, *(f"not trusted: {d.check}: {d.message}" for d in failed)])


def _draw(ds: Any, path: Path) -> Path:
    from multiscale.plotting import agreement  # noqa: PLC0415 - matplotlib is heavy

    buffer = io.BytesIO()
    agreement(ds).savefig(buffer, format="png", dpi=160)
    store.write_atomic(path, buffer.getvalue())
    return path
