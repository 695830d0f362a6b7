"""The file of rejected rows is whole, or it is not there."""

from __future__ import annotations

import resource
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cubicasa_async.bulk.files.sources import open_source
from cubicasa_async.bulk.outcomes import Rejected
from cubicasa_async.bulk.rejected import RejectedRows
from tests.support.listings import as_csv


@contextmanager
def small_files(most: int) -> Generator[None]:
    """No file can become larger than this."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("most", [0, 10])
@pytest.mark.parametrize("rows", [1, 1000])
def test_a_row_that_cannot_be_written_leaves_all_as_it_was(
    tmp_path: Path, rows: int, most: int
) -> None:
    """A few rows show it at the end, many before."""
    (tmp_path / "rows.csv").write_text(as_csv(rows), encoding="utf-8")
    source = open_source(tmp_path / "rows.csv")
    (tmp_path / "rejected.csv").write_text("earlier", encoding="utf-8")
    rejected = RejectedRows(tmp_path / "rejected.csv", source)

    def write() -> None:
        for row in source.rows():
            rejected.add(Rejected(line=row.line, key=None, cells=row.cells))
        rejected.finish()

    with small_files(most), pytest.raises(OSError, match="File too large"):
        write()
    assert rejected.finish() is None
    assert rejected.count == 0
    assert {path.name for path in tmp_path.iterdir()} == {"rows.csv", "rejected.csv"}
    assert (tmp_path / "rejected.csv").read_text(encoding="utf-8") == "earlier"
