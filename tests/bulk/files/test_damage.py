"""What a spreadsheet or a wrong encoding spoilt is refused, and is refused again when fed back."""

from __future__ import annotations

import csv
import importlib
import json
import os
import random
import zipfile
from collections.abc import Callable
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from cubicasa_async.bulk import Row
from cubicasa_async.bulk.files.columns import FIELDS, read_cell
from cubicasa_async.bulk.files.damage import UNREADABLE, damage_of
from cubicasa_async.bulk.files.sources import Source, open_source
from cubicasa_async.bulk.files.typed_cells import as_text
from cubicasa_async.bulk.outcomes import Rejected
from cubicasa_async.bulk.rejected import RejectedRows
from cubicasa_async.errors import InvalidInputError

openpyxl: Any = importlib.import_module("openpyxl")
pa: Any = importlib.import_module("pyarrow")
pq: Any = importlib.import_module("pyarrow.parquet")

NAMES = ("listing_id", "street", "suite", "city", "zip", "country", "agent_email", "notes")
SHEET = "xl/worksheets/sheet1.xml"
GOOD = ("L-1", "1 Main Street", "4B", "Springfield", "62701", "United States", "a@b.example", "")


def with_(**cells: Any) -> list[Any]:
    return [cells.get(name, value) for name, value in zip(NAMES, GOOD, strict=True)]


def workbook(path: Path, *rows: list[Any]) -> Any:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return book


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(InvalidInputError) as caught:
        open_source(path, **options).check()
    return str(caught.value)


class TestText:
    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("#N/A", "error of a spreadsheet"),
            (" #REF! ", "error of a spreadsheet"),
            ("#######", "too narrow"),
            ("MÃ¡laga", "perhaps it was 'Málaga'"),
            ("StraÃŸe 1", "perhaps it was 'Straße 1'"),
            (f"{UNREADABLE}=A2", "write it anew"),
            ("#?A2", "write it anew, without"),
        ],
    )
    def test_what_was_spoilt_is_refused(self, text: str, says: str) -> None:
        assert says in damage_of(text)
        with pytest.raises(ValueError, match=says):
            read_cell("info", text)

    @pytest.mark.parametrize(
        "text", ["", "#", "# 4", "#12", "Málaga", "CORAÇÃO", "Ã", "São Paulo, Ação", "東京", "7 ½"]
    )
    def test_what_people_write_is_not(self, text: str) -> None:
        assert damage_of(text) == ""

    @pytest.mark.parametrize("text", ["1.23457E+11", "7.01E+04", "1,2e+17"])
    def test_a_number_that_was_shortened_is_no_text(self, text: str) -> None:
        with pytest.raises(ValueError, match="shortened"):
            read_cell("external_id", text)
        assert read_cell("info", text) == text

    @pytest.mark.parametrize("text", ["12E5", "1E5", "A1E+05", "E+05", "12.5"])
    def test_an_identifier_that_only_looks_a_bit_like_it_is_one(self, text: str) -> None:
        assert read_cell("external_id", text) == text

    def test_a_postal_code_with_a_fraction_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text(",".join(NAMES) + "\n" + ",".join(with_(zip="62701.0")) + "\n")
        [row] = open_source(path).rows()
        assert "has no fraction" in str(row.problems)


class TestWorkbooks:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "rows.xlsx"

    def shown_as(self, path: Path, value: Any, format_: str) -> Row:
        book = workbook(path, list(NAMES), with_(suite=value))
        book.active.cell(2, 3).number_format = format_
        book.save(path)
        [row] = open_source(path).rows()
        return row

    @pytest.mark.parametrize("format_", ['"MLS-"0', "000\\-00\\-0000", "0000 000", "\\A0", '0" B"'])
    def test_a_number_that_is_shown_as_something_else_is_a_problem(
        self, path: Path, format_: str
    ) -> None:
        row = self.shown_as(path, 1234, format_)
        assert "shown otherwise" in str(row.problems)

    @pytest.mark.parametrize(
        "format_",
        ["General", "0", "@", "#,##0", "0.00", "0.00E+00", "#,##0.00", '0.0"°"', "0_ ;-0", "0;-0"],
    )
    def test_one_that_is_shown_as_a_number_is_none(self, path: Path, format_: str) -> None:
        assert self.shown_as(path, 1234, format_).values["suite"] == "1234"

    def test_zeros_are_kept_whatever_the_language_of_the_format(self, path: Path) -> None:
        assert self.shown_as(path, 34, "[$-409]00000").values["suite"] == "00034"

    def test_characters_that_the_format_cannot_hold_are_read_as_such(self, path: Path) -> None:
        cells = {"notes": "one_x000D_\ntwo _x005F_x000D_", "street": "1 _x0000_ Street"}
        workbook(path, list(NAMES), with_(**cells))
        [row] = open_source(path).rows()
        assert row.values["info"] == "one\ntwo _x000D_"
        assert "damaged" in str(row.problems)  # of the street, whose character is lost

    def with_part(self, path: Path, part: str, change: Callable[[bytes], bytes]) -> None:
        """Write a workbook again with one of its parts changed."""
        with zipfile.ZipFile(path) as old:
            parts = {name: old.read(name) for name in old.namelist()}
        changed = change(parts[part])
        assert changed != parts[part]
        with zipfile.ZipFile(path, "w") as new:
            for name, content in (parts | {part: changed}).items():
                new.writestr(name, content)

    @pytest.mark.parametrize("asked", [None, "Sheet"])
    @pytest.mark.parametrize(
        ("was", "is_", "says"),
        [
            (b'r="A1"', b'r="."', "the workbook is damaged: "),
            (b'<row r="2"', b'<row r="1000000000"', "a row behind the 1048576th"),
            (b'<row r="2"', b'<row r="1"', "row 1 stands behind row 1"),
        ],
    )
    def test_places_that_there_cannot_be_are_damage(
        self, path: Path, asked: str | None, was: bytes, is_: bytes, says: str
    ) -> None:
        workbook(path, list(NAMES), with_())
        self.with_part(path, SHEET, lambda content: content.replace(was, is_))
        assert says in refusal(path, sheet=asked)

    def test_a_style_that_there_is_not_is_damage(self, path: Path) -> None:
        workbook(path, list(NAMES), with_(suite=12))
        self.with_part(path, SHEET, lambda old: old.replace(b'r="C2"', b'r="C2" s="999"'))
        assert "the workbook is damaged" in refusal(path)

    def test_a_sheet_for_a_chart_without_one_is_refused(self, path: Path) -> None:
        book = workbook(path, list(NAMES), with_())
        book.create_chartsheet("Chart")
        book.save(path)
        assert "cannot be read as an Excel workbook" in refusal(path)

    def test_bits_that_were_flipped_make_rows_or_a_refusal(self, path: Path) -> None:
        workbook(path, list(NAMES), *(with_(listing_id=f"L-{n}", zip=n) for n in range(20)))
        whole, chance, refused = path.read_bytes(), random.Random(5), 0
        for _ in range(80):
            content = bytearray(whole)
            for _ in range(chance.choice([1, 1, 3])):
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            path.write_bytes(content)
            try:
                open_source(path).check()
            except InvalidInputError:
                refused += 1
        assert 10 < refused < 80


class TestParquet:
    def test_values_that_python_has_none_for_are_problems_of_their_rows(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "rows.parquet"
        columns: dict[str, Any] = {
            name: [value] * 3 for name, value in zip(NAMES, GOOD, strict=True)
        }
        broken = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"]).buffers())
        columns["listing_id"] = pa.array([1_700_000_000_000_000_001, None, 0], pa.timestamp("ns"))
        columns["seen"] = pa.array([4 * 10**17, 1, None], pa.timestamp("us"))
        columns["took"] = pa.array(
            [{"best": 1}, None, {"best": 3}], pa.struct({"best": pa.duration("ns")})
        )
        columns["raw"] = pa.concat_arrays([broken, pa.array(["b", "c"])])
        pq.write_table(pa.table(columns), path)
        source = open_source(path, ignore=["seen"])
        first, second, third = source.rows()
        assert "type timestamp[ns] that cannot be read" in str(first.problems)
        assert first.cells["listing_id"] == f"{UNREADABLE}2023-11-14 22:13:20.000000001"
        assert (first.cells["took.best"], first.cells["raw"]) == ("1", "\ufffd")
        assert "external_id" not in second.values
        assert second.cells["raw"] == "b"
        assert "date or time" in str(third.problems)


class TestJsonLines:
    def test_what_python_writes_beyond_json_is_a_problem_of_its_row(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.jsonl"
        rows = [with_(), with_(listing_id=float("nan")), with_(street="8 \ud800 Street")]
        lines = [json.dumps(dict(zip(NAMES, row, strict=True))) for row in rows]
        path.write_text("\n".join([*lines, lines[0].replace('"L-1"', "1e999")]))
        good, *others = open_source(path).rows()
        assert not good.problems
        assert [str(row.problems[0]).partition(":")[0] for row in others] == [
            "external_id", "street", "external_id",
        ]  # fmt: skip
        assert others[1].cells["street"] == "8 \ufffd Street"  # so that it can be written down

    def test_names_in_texts_and_in_objects_of_a_list_are_no_repeats(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.jsonl"
        row = dict(zip(NAMES, with_(notes='say "a": 1, "a": 2'), strict=True))
        path.write_text(json.dumps({**row, "all": [{"a": 1}, {"a": 2}], "b": {"notes": 3}}))
        [read] = open_source(path).rows()
        assert read.values["info"] == 'say "a": 1, "a": 2'


class TestTheFile:
    @pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "xlsx"])
    def test_what_cannot_be_read_twice_is_refused_at_once(
        self, tmp_path: Path, ending: str
    ) -> None:
        pipe = tmp_path / f"pipe.{ending}"
        os.mkfifo(pipe)
        assert "not a regular file" in refusal(pipe)
        assert "a directory" in refusal(tmp_path, format=ending if ending != "xlsx" else "excel")

    @pytest.mark.parametrize(
        ("name", "content", "says"),
        [
            ("a.csv", b'[{"street": 1}]', "this is JSON"),
            ("a.csv", b'\xef\xbb\xbf{"street": 1}\n', "--format jsonl"),
            ("a.csv", b"street,city\n" + bytes(900), "full of NUL"),
            ("a.csv", b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument",
             "OpenDocument"),
            ("a.jsonl", b"\x1f\x8b\x08", "gzip"),
            ("a.jsonl", '{"street": 1}'.encode("utf-16"), "UTF-16"),
        ],
    )  # fmt: skip
    def test_another_kind_of_file_is_named(
        self, tmp_path: Path, name: str, content: bytes, says: str
    ) -> None:
        (tmp_path / name).write_bytes(content)
        assert says in refusal(tmp_path / name)

    @pytest.mark.parametrize("delimiter", [",", ";"])
    def test_a_header_below_a_title_is_found_and_named(
        self, tmp_path: Path, delimiter: str
    ) -> None:
        lines = ["Listings of May", "", delimiter.join(NAMES), delimiter.join(GOOD)]
        (tmp_path / "a.csv").write_text("\n".join(lines))
        assert "row 3; take away what is above it" in refusal(tmp_path / "a.csv")
        workbook(tmp_path / "a.xlsx", ["Listings of May"], [], list(NAMES), list(GOOD))
        assert "row 3; take away what is above it" in refusal(tmp_path / "a.xlsx")


def rejected_again(source: Source, path: Path) -> list[Row]:
    """The rejected rows, written down and read again without a correction."""
    writer = RejectedRows(path, source)
    for row in source.rows():
        if row.problems:
            writer.add(
                Rejected(line=row.line, key=None, cells=row.cells, field_errors=row.problems)
            )
    writer.finish()
    return list(open_source(path).rows())


def spoilt(path: Path) -> Source:
    rows = [
        with_(street='=CONCATENATE("1 ","Main St")'), with_(suite=datetime(2026, 1, 2)),  # noqa: DTZ001 # as in a file
        with_(suite=time(12, 30)), with_(notes=timedelta(hours=30)), with_(listing_id=True),
        with_(listing_id=12345678901234567), with_(street="#N/A"), with_(suite="3A"), with_(),
    ]  # fmt: skip
    book = workbook(path, list(NAMES), *rows)
    book.active.merge_cells("C9:C10")
    book.save(path)
    return open_source(path)


def test_rejected_rows_that_nobody_corrected_are_rejected_again(tmp_path: Path) -> None:
    source = spoilt(tmp_path / "a.xlsx")
    rejected = [row for row in source.rows() if row.problems]
    assert len(rejected) == 8
    again = rejected_again(source, tmp_path / "rejected.csv")
    assert len(again) == len(rejected)
    assert all(row.problems for row in again)


def test_cells_written_down_as_they_look_would_be_taken_for_what_was_meant(tmp_path: Path) -> None:
    """The control: without the mark, what was rejected would make drafts at wrong places."""
    rows = [row for row in spoilt(tmp_path / "a.xlsx").rows() if row.problems]
    path = tmp_path / "naive.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(NAMES)
        for row in rows:
            writer.writerow([text.removeprefix(UNREADABLE) for text in row.cells.values()])
    assert sum(not row.problems for row in open_source(path).rows()) > 4


def test_every_field_refuses_what_is_marked() -> None:
    for field in FIELDS:
        with pytest.raises(ValueError, match="could not be used as it stood"):
            read_cell(field, UNREADABLE + as_text(1))
