"""What the HTML pages share: one style, figures inside the page, numbers as texts."""

import base64
import io
import math
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

REM = 2.6  # per inch of a figure on a telephone


@dataclass(frozen=True)
class Figure:
    """A drawn figure as an inline image."""

    caption: str
    source: str  # data URL
    width: float = 0.0  # rem, below which its text is too small to read and it scrolls


def inline(caption: str, figure: Any) -> Figure:
    """Return a matplotlib figure as an inline image."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", dpi=150, metadata={"Date": None})
    source = "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()
    return Figure(caption, source, round(REM * figure.get_figwidth(), 1))


def template(name: str) -> Template:
    """Return a template of the package; every name that it uses must be given."""
    environment = Environment(
        loader=PackageLoader("multiscale.pipeline", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["seconds"] = seconds
    environment.filters["number"] = lambda x: "unknown" if not math.isfinite(x) else f"{x:.4g}"
    return environment.get_template(name)


def seconds(value: float) -> str:
    """Return a duration in s as people say it."""
    if not math.isfinite(value):
        return "unknown"
    return (
        f"{value:.1f} s"
        if value < 120
        else f"{value / 60:.1f} min"
        if value < 7200
        else f"{value / 3600:.1f} h"
    )
