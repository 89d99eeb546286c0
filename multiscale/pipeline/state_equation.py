"""The command `landau states`: md runs in fields and under stress in, a Landau model out."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from multiscale.pipeline import store
from multiscale.pipeline.numbers import with_error
from multiscale.pipeline.studies import doubts, save
from multiscale.stages import landau_states


def study_states(
    mds: Sequence[Path], output: Path, order: int, criterion: str, laws: Sequence[str]
) -> str:
    """Write the Landau model of several md.nc, and say what came out.

    Parameters
    ----------
    mds : sequence of Path
        Runs in several constant fields, at several temperatures, under several stresses.
    output : Path
        The file to write.
    order : int
        2, 4, 6 or 8.
    criterion : str
        bic, aic or cross-validation.
    laws : sequence of str
        Such as "a11=constant".

    Raises
    ------
    FileNotFoundError, ValueError
        A file is missing or damaged, an option has a wrong value, or the states do not determine
        a model.
    """
    given = _laws(laws)
    runs = [store.load(path) for path in mds]
    ds = landau_states.run(runs, order=order, criterion=criterion, laws=given)
    save(ds, output, mds, runs)
    lines = [str(output)]
    for term in ds["term"].values:
        one = ds.sel(term=term)
        spread = one["coefficient_sample"].std("sample", ddof=1).values
        values = zip(one["coefficient"].values, spread, strict=True)
        shown = "  ".join(with_error(float(a), float(e)) for a, e in values)
        lines.append(f"{term} ({one['law'].item()}): {shown}")
    T = ", ".join(f"{t:g}" for t in ds["temperature"].values)
    lines.insert(1, f"coefficients (SI) at {T} K:")
    if "transition_temperature" in ds and np.isfinite(float(ds["transition_temperature"])):
        value, error = (float(ds[f"transition_temperature{end}"]) for end in ("", "_stderr"))
        lines.append(f"transition temperature {with_error(value, error)} K")
    return "\n".join([*lines, *doubts(ds)])


def _laws(texts: Sequence[str]) -> Mapping[str, str]:
    for text in texts:
        if text.count("=") != 1:
            raise ValueError(f"law is {text!r}, expected such as a11=constant. Write term=law.")
    return dict(text.split("=") for text in texts)
