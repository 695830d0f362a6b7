"""How the guide is built: `python3 noxfile.py docs`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cubicasa_async

sys.path.insert(0, str(Path(__file__).resolve().parent))

project = "cubicasa_async"
author = "the authors of cubicasa_async"
version = release = cubicasa_async.__version__
language = "en_GB"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "command_help"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["README.md"]
default_role = "code"
highlight_language = "none"

html_theme = "furo"
html_title = "cubicasa_async"
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}

myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_numpy_docstring = False
napoleon_use_ivar = True
maximum_signature_line_length = 80

# Types of other packages have no pages here, and the build asks no other site for them.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!cubicasa_async\b).*")]


def setup(app: Any) -> dict[str, bool]:
    """What Sphinx asks of an extension."""
    return {"parallel_read_safe": True}
