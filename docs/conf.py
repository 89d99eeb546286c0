"""Sphinx settings; `make docs` builds with warnings as errors."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import multiscale

project = "multiscale"
author = "The multiscale developers"
project_copyright = "2026, the multiscale developers"
version = release = multiscale.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "tables",
]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the tutorial's run takes a quarter of an hour; tests run its Python

exclude_patterns = ["_build", "generated/*.inc.md"]
# Types in docstrings are prose ("time : array, ps"); a word that is also a field is no reference.
suppress_warnings = ["ref.python"]
default_role = "literal"
html_theme = "furo"
html_title = "multiscale"
html_static_path: list[str] = []

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": False}
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
