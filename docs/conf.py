"""How the guide is built: `python3 noxfile.py docs`."""

from __future__ import annotations

import sys
from pathlib import Path

import cubicasa_async
from cubicasa_async import bulk, delivery
from cubicasa_async.bulk.job import StopSign
from cubicasa_async.bulk.journal.places import JournalPlace
from cubicasa_async.sync import bulk as sync_bulk
from cubicasa_async.sync import delivery as sync_delivery
from cubicasa_async.sync import mirror as sync_mirror
from cubicasa_async.sync import reconcile as sync_reconcile

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

project = "cubicasa_async"
author = "the authors of cubicasa_async"
version = release = cubicasa_async.__version__
language = "en_GB"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "generated"]
source_suffix = {".md": "markdown"}
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

# These modules import some types for type checkers only, and here the types are to be told.
vars(sync_bulk).update(
    {one.__name__: one for one in (bulk.Progress, bulk.Row, bulk.RowOutcome, StopSign)}
)
vars(sync_bulk)["JournalPlace"] = JournalPlace
vars(sync_mirror).update(
    {one.__name__: one for one in (bulk.MirrorOutcome, bulk.Progress)} | {"bulk": bulk}
)
vars(sync_reconcile).update({one.__name__: one for one in (bulk.Candidate, bulk.Twin)})
vars(sync_delivery).update(
    {one.__name__: one for one in (delivery.AssetOutcome, delivery.Progress)}
)

nitpicky = True
# Types of other packages have no pages here, and the build asks no other site for them.
_FOREIGN = r"(?!cubicasa_async\b).*"
_TYPE_VARIABLES = r"cubicasa_async\..*\b[A-Z]"
_INTERNAL = (
    r"cubicasa_async\.(core\.(transport\.Transport|walk\.Record|models\._Stored|values\.Unset)"
    r"|resources\.base\.Resource|sync\.(resources\.Operations|engine\.Closeable)"
    r"|delivery\.receiver\.EventStore|bulk\.(journal\.protocol\.\w+|job\.StopSign)"
    r"|delivery\.inbox_database\.\w+|sandbox\.contract\.\w+)"
)
nitpick_ignore_regex = [(r"py:.*", name) for name in (_FOREIGN, _TYPE_VARIABLES, _INTERNAL)]
