"""Rows of workbooks, JSON lines and Parquet: found again by a person, nothing turned silently."""

from __future__ import annotations

import importlib
import io
import json
import re
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from cubicasa_async.bulk import Row
from cubicasa_async.bulk.files.columns import FIELDS, Kind
from cubicasa_async.bulk.files.sources import Format, format_of, open_source
from cubicasa_async.bulk.files.typed_cells import as_text, fault_of
from cubicasa_async.errors import ConfigError, InvalidInputError

# Not all of them have type stubs.
openpyxl: Any = importlib.import_module("openpyxl")
Font: Any = importlib.import_module("openpyxl.styles").Font
pa: Any = importlib.import_module("pyarrow")
pq: Any = importlib.import_module("pyarrow.parquet")

NAMES = ("listing_id", "street", "city", "zip", "country", "agent_email", "lat", "basement")
FIRST: tuple[Any, ...] = (
    "L-1", "1 Main Street", "Springfield", "62701", "United States", "a@example.com", 39.78, True,
)  # fmt: skip
VALUES = {
    "external_id": "L-1",
    "street": "1 Main Street",
    "city": "Springfield",
    "postal_code": "62701",
    "country": "United States",
    "owner_email": "a@example.com",
    "latitude": 39.78,
    "order_preferences": {"style_3d": {"include_basement": True}},
}
BASEMENT = {"basement": "order_preferences.style_3d.include_basement"}


def with_(**cells: Any) -> tuple[Any, ...]:
    """The first row with other cells, by our names for the columns."""
    return tuple(cells.get(name, value) for name, value in zip(NAMES, FIRST, strict=True))


def as_excel(path: Path, rows: Sequence[Sequence[Any]]) -> Path:
    path = path.with_suffix(".xlsx")
    book = openpyxl.Workbook()
    for row in (NAMES, *rows):
        book.active.append(list(row))
    book.save(path)
    return path


def as_json_lines(path: Path, rows: Sequence[Sequence[Any]]) -> Path:
    path = path.with_suffix(".jsonl")
    lines = [json.dumps(dict(zip(NAMES, row, strict=True)), default=str) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def as_parquet(path: Path, rows: Sequence[Sequence[Any]]) -> Path:
    path = path.with_suffix(".parquet")
    columns = {name: [row[place] for row in rows] for place, name in enumerate(NAMES)}
    pq.write_table(pa.table(columns), path)
    return path


def as_csv(path: Path, rows: Sequence[Sequence[Any]]) -> Path:
    path = path.with_suffix(".csv")
    lines = [",".join(NAMES), *(",".join(map(as_text, row)) for row in rows)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


Writer = Callable[[Path, Sequence[Sequence[Any]]], Path]
WRITERS: dict[Writer, int] = {as_csv: 2, as_excel: 2, as_json_lines: 1, as_parquet: 1}
"""Each with the number by which a person finds the first row."""


def read(path: Path, **options: Any) -> list[Row]:
    source = open_source(path, mapping=BASEMENT, **options)
    rows = list(source.rows())
    assert source.check() == len(rows)
    return rows


def problem(row: Row) -> str:
    [found] = row.problems
    return str(found)


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(InvalidInputError) as caught:
        read(path, **options)
    assert path.name in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: str(write.__name__))
class TestAnyKind:
    def test_the_same_rows_come_out(self, tmp_path: Path, write: Writer) -> None:
        rows = read(write(tmp_path / "rows", [FIRST, with_(listing_id="L-2")]))
        assert [row.line for row in rows] == [WRITERS[write], WRITERS[write] + 1]
        assert rows[0].values == VALUES
        assert rows[1].values == {**VALUES, "external_id": "L-2"}
        assert not any(row.problems for row in rows)
        assert rows[0].cells["zip"] == "62701"

    def test_its_columns_are_mapped_ignored_and_filled_alike(
        self, tmp_path: Path, write: Writer
    ) -> None:
        path = write(tmp_path / "rows", [FIRST])
        source = open_source(
            path,
            mapping={"listing_id": "info"},
            ignore=["lat"],
            defaults={"external_id": "D-1", "suite": "4B"},
        )
        assert source.columns.unmapped == ("basement",)
        assert source.columns.ignored == ("lat",)
        [row] = source.rows()
        assert (row.values["info"], row.values["external_id"]) == ("L-1", "D-1")
        assert row.values["suite"] == "4B"
        assert "latitude" not in row.values

    def test_a_column_that_is_needed_and_not_there_is_named(
        self, tmp_path: Path, write: Writer
    ) -> None:
        with pytest.raises(InvalidInputError, match="no column was recognised for city"):
            open_source(write(tmp_path / "rows", [FIRST]), ignore=["city"])

    def test_a_postal_code_that_lost_its_zeros_is_a_problem(
        self, tmp_path: Path, write: Writer
    ) -> None:
        [row] = read(write(tmp_path / "rows", [with_(zip="1234")]))
        assert problem(row).startswith("postal_code: '1234': a postal code of United States has 5")
        assert "01234" in problem(row)
        [row] = read(write(tmp_path / "rows", [with_(zip="1234", country="Denmark")]))
        assert not row.problems

    def test_rows_are_not_kept(self, tmp_path: Path, write: Writer) -> None:
        rows = [with_(listing_id=f"L-{number}") for number in range(1200)]
        source = open_source(write(tmp_path / "rows", rows))
        source.check()

        def peak(rows: Iterable[Row]) -> int:
            tracemalloc.start()
            for _ in rows:
                pass
            found = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return found

        part, whole = peak(islice(source.rows(), 300)), peak(source.rows())
        assert whole < part + 300_000
        tracemalloc.start()
        kept = list(source.rows())
        control = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(kept) == 1200
        assert control > part + 300_000


@pytest.mark.parametrize("write", [as_excel, as_json_lines, as_parquet])
class TestTypedCells:
    def test_a_number_stands_for_its_digits(self, tmp_path: Path, write: Writer) -> None:
        [row] = read(write(tmp_path / "rows", [with_(listing_id=1001.0, zip=62701, lat=39)]))
        assert not row.problems
        assert row.values == {**VALUES, "external_id": "1001", "latitude": 39.0}

    def test_a_number_that_may_have_lost_digits_is_a_problem(
        self, tmp_path: Path, write: Writer
    ) -> None:
        [row] = read(write(tmp_path / "rows", [with_(listing_id=1.234567890123456789e18)]))
        assert "its last digits may be wrong" in problem(row)
        assert "external_id" not in row.values

    def test_a_yes_or_no_is_no_text(self, tmp_path: Path, write: Writer) -> None:
        [row] = read(write(tmp_path / "rows", [with_(city=True)]))
        assert problem(row) == "city: column 'city': 'true': it is yes or no, and not text"


class TestDates:
    """Spreadsheets make dates of suites such as 1-2."""

    @pytest.mark.parametrize("write", [as_excel, as_parquet])
    def test_one_in_a_text_is_a_problem(self, tmp_path: Path, write: Writer) -> None:
        [row] = read(write(tmp_path / "rows", [with_(street=datetime(2026, 2, 1))]))  # noqa: DTZ001 # as in a file
        assert "perhaps something else was made into one" in problem(row)

    def test_one_in_a_note_is_fine(self) -> None:
        assert fault_of(Kind.FREE_TEXT, date(2026, 2, 1)) == ""
        assert as_text(date(2026, 2, 1)) == "2026-02-01"


@pytest.mark.parametrize(
    ("field", "value", "text", "reason"),
    [
        ("suite", None, "", ""),
        ("suite", 4.5, "4.5", ""),
        ("suite", Decimal("12.50"), "12.5", ""),
        ("suite", Decimal(100), "100", ""),
        ("latitude", 48.137154, "48.137154", ""),
        ("latitude", 1e-7, "1e-07", ""),
        ("latitude", float("nan"), "nan", "it is not a number"),
        ("latitude", float("inf"), "inf", "it is not a number"),
        ("external_id", 12345678901234567890, "12345678901234567890", ""),
        ("add_ons", ["gla", "express_sla"], "gla|express_sla", ""),
        ("add_ons", ["a,b"], "a,b", "an entry of the list holds a comma, a semicolon or |"),
        ("add_ons", [1], "1", "it is a list of something else than texts"),
        ("suite", ["a"], "a", "it is a list"),
        ("suite", {"a": 1}, "{'a': 1}", "it is an object"),
        ("suite", b"a", "b'a'", "it is a value of type bytes"),
    ],
)
def test_what_a_typed_cell_says(field: str, value: object, text: str, reason: str) -> None:
    assert as_text(value) == text
    assert fault_of(FIELDS[field], value) == reason


def workbook(path: Path, **sheets: Sequence[Sequence[Any]]) -> Any:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return book


def edited(path: Path, pattern: str, new: str) -> None:
    """Change the text of the first sheet, as another program would have written it."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    text, changes = re.subn(pattern, new, parts[name].decode())
    assert changes == 1, text
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in {**parts, name: text.encode()}.items():
            archive.writestr(part, content)


class TestWorkbooks:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "rows.xlsx"

    def test_the_only_sheet_with_something_in_it_is_meant(self, path: Path) -> None:
        workbook(path, Sheet1=[], Listings=[NAMES, FIRST], Sheet3=[])
        assert [row.values for row in read(path)] == [VALUES]

    def test_of_two_one_must_be_named(self, path: Path) -> None:
        other = with_(listing_id="L-2")
        workbook(path, May=[NAMES, FIRST], June=[NAMES, other])
        assert "say which sheet is meant (--sheet): 'May', 'June'" in refusal(path)
        assert [row.values["external_id"] for row in read(path, sheet="June")] == ["L-2"]
        assert "there is no sheet 'july'; there are 'May', 'June'" in refusal(path, sheet="july")

    def test_a_hidden_sheet_is_read_only_if_it_is_named(self, path: Path) -> None:
        book = workbook(path, May=[NAMES, FIRST], Old=[NAMES, with_(listing_id="L-2")])
        book["Old"].sheet_state = "hidden"
        book.save(path)
        assert len(read(path)) == 1
        assert read(path, sheet="Old")[0].values["external_id"] == "L-2"

    def test_blank_rows_are_skipped_and_rows_keep_their_numbers(self, path: Path) -> None:
        workbook(path, Rows=[[], NAMES, [], FIRST, [" "], [None] * 12, FIRST, [""] * 20])
        assert [row.line for row in read(path)] == [4, 7]

    def test_cells_that_are_only_formatted_do_not_count(self, path: Path) -> None:
        book = workbook(path, Rows=[NAMES, FIRST])
        for column in range(1, 30):
            book["Rows"].cell(2, column).font = Font(bold=True)
            book["Rows"].cell(9, column).font = Font(bold=True)
        book.save(path)
        assert [row.values for row in read(path)] == [VALUES]

    def test_a_number_shown_with_zeros_has_them(self, path: Path) -> None:
        book = workbook(path, Rows=[NAMES, with_(zip=1234), with_(zip=12345678)])
        book["Rows"]["D2"].number_format = "00000"
        book["Rows"]["D3"].number_format = "00000\\-0000"
        book.save(path)
        rows = read(path)
        assert [row.values["postal_code"] for row in rows] == ["01234", "01234-5678"]
        assert not any(row.problems for row in rows)

    def test_a_long_number_is_a_problem_even_if_it_looks_whole(self, path: Path) -> None:
        workbook(path, Rows=[NAMES, with_(listing_id=1234567890123456)])
        [row] = read(path)
        assert "its last digits may be wrong" in problem(row)

    def test_an_error_of_the_workbook_is_a_problem(self, path: Path) -> None:
        workbook(path, Rows=[NAMES, with_(city="#REF!")])
        [row] = read(path)
        assert problem(row) == "city: column 'city': '#REF!': it is an error of the workbook"

    def test_a_formula_has_the_value_that_was_stored(self, path: Path) -> None:
        workbook(path, Rows=[NAMES, with_(listing_id="=A1")])
        edited(path, "<f>A1</f><v ?/>|<f>A1</f><v></v>", "<f>A1</f><v>77</v>")
        [row] = read(path)
        assert row.values["external_id"] == "77"

    def test_one_without_a_stored_value_is_a_problem(self, path: Path) -> None:
        workbook(path, Rows=[NAMES, with_(listing_id="=A1"), FIRST])
        rows = read(path)
        assert "'=A1': it is a formula whose value is not stored" in problem(rows[0])
        assert rows[1].values == VALUES

    def test_one_that_gives_an_empty_text_is_an_empty_cell(self, path: Path) -> None:
        workbook(path, Rows=[NAMES, with_(lat='=""')])
        edited(path, '<c r="G2">', '<c r="G2" t="str">')
        [row] = read(path)
        assert not row.problems
        assert "latitude" not in row.values

    def test_a_cell_merged_with_the_one_above_is_a_problem(self, path: Path) -> None:
        rows = [with_(listing_id=f"L-{number}") for number in range(1, 5)]
        book = workbook(path, Rows=[NAMES, *rows])
        book["Rows"].merge_cells("G2:G4")
        book.save(path)
        found = read(path)
        assert [len(row.problems) for row in found] == [0, 1, 1, 0]
        assert found[0].values["latitude"] == 39.78
        assert "the cell is merged with one above" in problem(found[1])

    def test_a_size_that_is_not_so_does_not_hide_rows(self, path: Path) -> None:
        workbook(path, Rows=[NAMES, FIRST, FIRST])
        edited(path, '<dimension ref="A1:H3"', '<dimension ref="A1:B1"')
        assert [row.values for row in read(path)] == [VALUES, VALUES]

    @pytest.mark.parametrize(
        "content", [b"", b"listing_id,street\n", b"PK\x03\x04 not a zip", b"\xd0\xcf\x11\xe0" * 99]
    )
    def test_what_is_no_workbook_is_said(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        assert "cannot be read as an Excel workbook" in refusal(path)

    def test_a_damaged_one_is_said(self, path: Path) -> None:
        workbook(path, Rows=[NAMES, FIRST])
        edited(path, "</sheetData>", "</sheetDat>")
        assert "is damaged" in refusal(path)

    def test_one_that_is_not_there_is_said(self, path: Path) -> None:
        assert "there is no such file" in refusal(path)


class TestJsonLines:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "rows.jsonl"

    def test_objects_inside_have_dotted_names_and_lists_stay_lists(self, path: Path) -> None:
        record = {
            "street": "1 Main Street", "city": "X", "country": "Y", "owner_email": "a@b.example",
            "place": {"suite": "4B"}, "add_ons": ["gla", "express_sla"],
            "order_preferences": {"style_3d": {"include_basement": False}},
        }  # fmt: skip
        path.write_text(json.dumps(record), encoding="utf-8")
        [row] = open_source(path, mapping={"place.suite": "suite"}).rows()
        assert row.values["suite"] == "4B"
        assert row.values["add_ons"] == ["gla", "express_sla"]
        assert row.values["order_preferences"] == {"style_3d": {"include_basement": False}}

    def test_names_may_come_late_and_rows_keep_their_lines(self, path: Path) -> None:
        first = dict(zip(NAMES, FIRST, strict=True))
        lines = ["\ufeff" + json.dumps(first), "", json.dumps({**first, "suite": "9"})]
        path.write_text("\r\n".join(lines), encoding="utf-8")
        rows = read(path)
        assert [(row.line, row.values.get("suite")) for row in rows] == [(1, None), (3, "9")]

    @pytest.mark.parametrize(
        ("line", "says"),
        [
            ("{", "line 2 is no JSON"),
            ("[1]", "line 2 is no JSON object"),
            ('"text"', "line 2 is no JSON object"),
            ('{"a": nan}', "line 2 is no JSON"),
            ('{"a": 1, "a": 2}', "line 2 has more than one value for 'a'"),
            ('{"a": {"b": 1}, "a" : {"b": "2"}}', "line 2 has more than one value for 'a.b'"),
            ('{"a.b": 1, "a": {"b": 2}}', "line 2 has more than one value for 'a.b'"),
            ("[" * 100_000, "line 2 is no JSON"),
            ('{"a": "' + "x" * (1 << 20) + '"}', "line 2 is too long"),
        ],
    )
    def test_a_line_that_is_no_row_is_named(self, path: Path, line: str, says: str) -> None:
        path.write_text(f"{json.dumps(dict(zip(NAMES, FIRST, strict=True)))}\n{line}\n")
        assert says in refusal(path)

    def test_an_empty_file_is_said(self, path: Path) -> None:
        path.write_text("\n\n")
        assert "the file is empty" in refusal(path)

    def test_one_that_is_not_there_is_said(self, path: Path) -> None:
        assert "there is no such file" in refusal(path)


class TestParquet:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "rows.parquet"

    def test_structures_have_dotted_names_and_numbers_count_every_row(self, path: Path) -> None:
        record = {**dict(zip(NAMES, FIRST, strict=True)), "place": {"unit": "9"}}
        nothing = dict.fromkeys(record)
        pq.write_table(pa.Table.from_pylist([record, nothing, record]), path)
        source = open_source(path, mapping={**BASEMENT, "place.unit": "suite"})
        rows = list(source.rows())
        assert [row.line for row in rows] == [1, 3]
        assert rows[0].values == {**VALUES, "suite": "9"}

    @pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1"])
    def test_what_is_no_parquet_is_said(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        assert "the file cannot be read" in refusal(path)

    def test_one_that_is_not_there_is_said(self, path: Path) -> None:
        assert "there is no such file" in refusal(path)


class TestTheKind:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("a.csv", Format.CSV), ("a.txt", Format.CSV), ("a", Format.CSV),
            ("a.XLSX", Format.EXCEL), ("a.ndjson", Format.JSON_LINES), ("a.pq", Format.PARQUET),
        ],
    )  # fmt: skip
    def test_the_ending_tells_it(self, name: str, kind: Format) -> None:
        assert format_of(Path(name)) is kind

    def test_it_may_be_said(self, tmp_path: Path) -> None:
        path = as_json_lines(tmp_path / "rows", [FIRST]).rename(tmp_path / "rows.txt")
        assert [row.values for row in read(path, format="jsonl")] == [VALUES]

    def test_options_that_do_not_fit_it_are_refused(self, tmp_path: Path) -> None:
        path = as_excel(tmp_path / "rows", [FIRST])
        with pytest.raises(ConfigError, match="An encoding is for CSV files only"):
            open_source(path, encoding="cp1252")
        with pytest.raises(ConfigError, match="A sheet is for workbooks only"):
            open_source(as_csv(tmp_path / "rows", [FIRST]), sheet="x")

    @pytest.mark.parametrize(
        ("package", "name", "extra"),
        [("openpyxl", "rows.xlsx", "excel"), ("pyarrow", "rows.parquet", "parquet")],
    )
    def test_without_its_package_the_extra_is_named(
        self,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        package: str,
        name: str,
        extra: str,
    ) -> None:
        (tmp_path / name).touch()
        for module in [*sys.modules]:
            if module.partition(".")[0] == package:
                monkeypatch.delitem(sys.modules, module)
        monkeypatch.setattr(sys, "meta_path", [Missing(package), *sys.meta_path])
        with pytest.raises(ConfigError, match=rf"pip install 'cubicasa-async\[{extra}\]'"):
            open_source(tmp_path / name)

    def test_importing_the_readers_imports_no_package_of_theirs(self) -> None:
        code = (
            "import sys, cubicasa_async.bulk.files.sources\n"
            "assert not {'openpyxl', 'pyarrow'} & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


class Missing:
    """Finds nothing of a package, as where it is not installed."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] == self.package:
            raise ModuleNotFoundError(f"No module named {self.package!r}", name=self.package)


def test_a_reason_column_of_an_earlier_run_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    text = io.StringIO()
    text.write(",".join((*NAMES, "reason")) + "\n" + ",".join(map(as_text, FIRST)) + ",why\n")
    path.write_text(text.getvalue())
    source = open_source(path, mapping=BASEMENT)
    assert source.columns.ignored == ("reason",)
    assert source.columns.unmapped == ()
    assert [row.values for row in source.rows()] == [VALUES]
    mapped = open_source(path, mapping={**BASEMENT, "Reason": "info"})
    assert [row.values["info"] for row in mapped.rows()] == ["why"]
