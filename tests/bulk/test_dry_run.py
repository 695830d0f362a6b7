"""Rows checked without sending any: what is told, and how little is kept."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from cubicasa_async.bulk import Row
from cubicasa_async.bulk.dry_run import DryRun
from cubicasa_async.bulk.intake import check_row
from cubicasa_async.bulk.journal.protocol import Entry, Gone
from cubicasa_async.bulk.journal.status import Changed
from tests.support.listings import kinds, listing


def rows(count: int) -> Iterator[Row]:
    return (Row(number, listing(number)) for number in range(1, count + 1))


def test_repeats_are_told_from_contradictions_as_an_import_tells_them() -> None:
    given = [
        Row(2, listing(1)),
        Row(3, listing(1)),
        Row(4, listing(1, city="Elsewhere")),
        Row(5, listing(2, city="")),
        Row(6, listing(2)),
    ]
    with DryRun.begun() as dry:
        outcomes = list(dry.check(given))
    assert [(o.line, o.kind, o.message) for o in outcomes] == [
        (2, "valid", ""),
        (3, "skipped", "the same as line 2"),
        (4, "rejected", "external_id: line 2 has the same one but says something else"),
        (5, "rejected", "city: must not be empty"),
        (6, "valid", ""),
    ]


def test_rows_that_are_gone_are_those_that_no_row_names() -> None:
    given = [Row(2, listing(1)), Row(3, listing(2, city="")), Row(4, {"street": "x"})]
    made = [Gone(f"E-{number}", number, f"order-{number}") for number in (1, 2, 3)]
    with DryRun.begun() as dry:
        before = dry.seen.whole
        list(dry.check(given))
        assert list(dry.gone(made)) == made[2:]
        assert (before, dry.seen.whole) == (False, True)
        assert (dry.seen.valid, dry.seen.nameless) == (1, [4])


def test_a_row_that_would_change_its_draft_is_told_once() -> None:
    def changed(entry: Entry) -> Changed | None:
        return Changed("order-1") if entry.key == "E-1" else None

    with DryRun.begun() as dry:
        outcomes = dry.check([*rows(2), *rows(1)], changed=changed)
        assert kinds(outcomes) == {"would update": 1, "valid": 1, "skipped": 1}


def peak_of_checking(count: int) -> int:
    with DryRun.begun() as dry:
        for _ in dry.check(rows(10)):  # what is made once
            pass
        tracemalloc.start()
        for _ in dry.check(rows(count)):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


def test_the_rows_are_not_kept() -> None:
    assert peak_of_checking(4000) < peak_of_checking(400) + 50_000


def test_control_a_dictionary_of_their_keys_would_be_seen() -> None:
    tracemalloc.start()
    first = {str(check_row(row).key): 0 for row in rows(4000)}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(first) == 4000
    assert peak > peak_of_checking(400) + 50_000


def test_what_it_remembers_leaves_no_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("empty")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SQLITE_TMPDIR", str(place))
        with DryRun.begun() as dry:
            list(dry.check(rows(100)))
        assert list(place.iterdir()) == []
