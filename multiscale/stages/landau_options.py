"""The [landau] table of a run file."""

from typing import Literal

from pydantic import Field

from multiscale.landau.temperature import LawName
from multiscale.stages.options import ElectronVolt, StageOptions


class Options(StageOptions, frozen=True):
    """The [landau] table of a run file."""

    order: Literal[2, 4, 6, 8] = Field(6, description="highest power of the polarization")
    cutoff: ElectronVolt = Field(
        0.06, gt=0, description="fit points up to this free energy per formula unit, eV"
    )
    weighting: Literal["stderr", "equal", "covariance"] = Field(
        "stderr",
        description="weight points by their standard error, equally, or by the covariance of the "
        "surface's samples (generalised least squares)",
    )
    robust: bool = Field(False, description="count residuals by Huber's loss, not by squares")
    bounded: bool | Literal["refuse"] = Field(
        True,
        description="make a model that falls beyond its data rise there, at least cost; or "
        '"refuse" it with the direction; or false, report it',
    )
    temperatures: Literal["separate", "global"] = Field(
        "separate",
        description="fit each temperature on its own, or all at once with coefficients by laws",
    )
    laws: dict[str, LawName] = Field(
        {},
        description='law of a term in a global fit, such as {a1 = "linear", a11 = "constant"}; '
        "constant, linear, quadratic, cubic, barrett or absent",
    )
    selection: Literal["bic", "aic", "cross-validation", "prediction", "none"] = Field(
        "bic",
        description="how a global fit finds the laws not given: information criteria, temperatures "
        "left out, their P_s; none: a1 linear, the others constant",
    )
    samples: int = Field(200, ge=20, le=10_000, description="bootstrap samples of strain coupling")
