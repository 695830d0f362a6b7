"""One row of a list of addresses, whatever kind of file it came from."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from cubicasa_async.errors import FieldError


@attrs.frozen
class Row:
    """A record of the file, read into the arguments of `drafts.create`.

    `line`: the 1-based physical line on which the record begins (a header on the first line is
    line 1). `values`: what the cells say, by our field names; cells that are empty are left out,
    and order preferences are nested. `problems`: the cells that could not be read, by our field
    names (no name when the record as a whole does not fit the header); a row with problems must
    not be sent. `cells`: the record as it stood, by the file's own column names.
    """

    line: int
    values: Mapping[str, object]
    problems: tuple[FieldError, ...] = ()
    cells: Mapping[str, str] = {}
