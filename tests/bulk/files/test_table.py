from __future__ import annotations

import csv
import os
import tempfile
import tracemalloc
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import cubicasa_async
from cubicasa_async.bulk.files.columns import is_blank
from cubicasa_async.bulk.files.table import Table, guess_encodings, open_table
from cubicasa_async.errors import InvalidInputError

SAMPLE = Path(cubicasa_async.__file__).parent / "cli" / "sample" / "listings.csv"
HEADER = "street,city,country,owner_email,notes"
GERMAN = (
    "L-1,M\u00fcnchner Freiheit 7,M\u00fcnchen,Bayern\n"
    "L-2,Gro\u00dfe Bleichen 21,Hamburg,Klingel M\u00fcller\n"
    "L-3,Bahnhofstrasse 45,Z\u00fcrich,Schweiz\n"
)
FRENCH = (
    "L-1,1 Place Ville Marie,Montr\u00e9al,Qu\u00e9bec,Acc\u00e8s par la cour\n"
    "L-2,5 Avenue Anatole France,Paris,\u00cele-de-France,Cl\u00e9 \u00e0 l'accueil\n"
)
POLISH = (
    "L-1,ul. \u015awi\u0119tokrzyska 14,\u0141\u00f3d\u017a,Wej\u015bcie od podw\u00f3rza\n"
    "L-2,ul. D\u0142uga 5,Krak\u00f3w,\nL-3,Plac \u017bo\u0142nierza 2,Gda\u0144sk,\n"
)
RUSSIAN = (
    "L-1,\u0422\u0432\u0435\u0440\u0441\u043a\u0430\u044f \u0443\u043b\u0438\u0446\u0430 7,"
    "\u041c\u043e\u0441\u043a\u0432\u0430,\u0420\u043e\u0441\u0441\u0438\u044f\n"
    "L-2,\u041d\u0435\u0432\u0441\u043a\u0438\u0439 \u043f\u0440\u043e\u0441\u043f"
    "\u0435\u043a\u0442,\u0421\u0430\u043d\u043a\u0442-\u041f\u0435\u0442\u0435\u0440\u0431\u0443\u0440\u0433\n"
)
JAPANESE = (
    "L-1,\u897f\u65b0\u5bbf2-8-1,\u65b0\u5bbf\u533a,\u6771\u4eac\u90fd,\u65e5\u672c,\u90fd\u5e81\u524d\n"
    "L-2,\u6885\u75303\u4e01\u76ee1-1,\u5927\u962a\u5e02\u5317\u533a,\u5927\u962a\u5e9c,"
    "\u65e5\u672c,\u30d3\u30eb\u306e\u5165\u53e3\n"
)


def write(folder: Path, content: bytes | str, name: str = "list.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(InvalidInputError) as caught:
        open_table(path, **options).check()  # type: ignore[arg-type] # passed on
    assert path.name in str(caught.value)
    return str(caught.value)


def lines_of(table: Table) -> list[int]:
    return [row.line for row in table.rows()]


def test_the_sample_file_is_read_as_it_is_described() -> None:
    table = open_table(SAMPLE)
    rows = list(table.rows())
    assert (table.encoding, table.delimiter, table.check(), len(rows)) == ("utf-8", ",", 42, 42)
    assert (table.columns.unmapped, table.columns.missing) == ((), ())
    by_id = {row.values.get("external_id"): row for row in rows}
    assert len(by_id) == 41
    assert by_id[None].values["street"] == "700 14th Street"
    assert "street" not in by_id["L-1036"].values
    assert by_id["L-1037"].values["latitude"] == 139.739236
    assert by_id["L-1038"].values["owner_email"] == "not-an-email"
    assert by_id["L-1040"].values["street"] == "200 East Colfax Avenue"
    assert by_id["L-1040"].cells["street"] == "  200 East Colfax Avenue "
    assert by_id["L-1011"].values["postal_code"] == "02215"
    assert by_id["L-1003"].values["add_ons"] == ["gla", "express_sla"]
    assert by_id["L-1024"].values["city"] == "M\u00fcnchen"
    assert by_id["L-1007"].values["info"] == 'Owner says: "use the side door"'
    assert [row.values for row in rows].count(by_id["L-1001"].values) == 2
    assert not any(row.problems for row in rows)
    assert [row.line for row in rows] == list(range(2, 44))


def test_rows_start_afresh_at_each_call(tmp_path: Path) -> None:
    table = open_table(write(tmp_path, f"{HEADER}\na,b,c,d,e\nf,g,h,i,j\n"))
    first, second = table.rows(), table.rows()
    assert next(first).line == next(second).line == 2
    assert next(first).line == 3


def test_the_file_is_closed_when_the_iterator_is_closed(tmp_path: Path) -> None:
    table = open_table(write(tmp_path, f"{HEADER}\na,b,c,d,e\nf,g,h,i,j\n"))
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("open files cannot be listed here")
    before = len(list(descriptors.iterdir()))
    rows = table.rows()
    next(rows)
    assert len(list(descriptors.iterdir())) == before + 1
    rows.close()
    assert len(list(descriptors.iterdir())) == before
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(table.rows())) == 2
    assert len(list(descriptors.iterdir())) == before


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, f"{HEADER}\n" + "1 Main St,Denver,US,a@example.com,note\n" * 30_000)
    table = open_table(path)
    tracemalloc.start()
    try:
        assert table.check() == 30_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 400_000 < path.stat().st_size


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends_are_found(tmp_path: Path, delimiter: str, ending: str) -> None:
    text = f"{HEADER}\n\n\n5 Rue,Paris,France,a@example.com,x\n\n6 Rue,Paris,France,b,y"
    path = write(tmp_path, text.replace(",", delimiter).replace("\n", ending))
    table = open_table(path)
    assert table.delimiter == delimiter
    assert lines_of(table) == [4, 6]


def test_commas_in_quoted_headers_do_not_mislead(tmp_path: Path) -> None:
    header = '"a, b, c, d, e, f";street;city;country;owner_email'
    table = open_table(write(tmp_path, f"{header}\n1;2;3;4;5\n"))
    assert (table.delimiter, table.columns.unmapped) == (";", ("a, b, c, d, e, f",))
    bare = "x,y,z,w,v,u;street;city;country;email"
    assert open_table(write(tmp_path, f"{bare}\n1;2;3;4;5\n")).delimiter == ";"


def test_a_mapped_name_counts_when_the_delimiter_is_found(tmp_path: Path) -> None:
    path = write(tmp_path, "Wo;a,b,c,d\n1;2\n")
    table = open_table(
        path,
        mapping={"wo": "street"},
        defaults={"city": "x", "country": "y", "owner_email": "z"},
    )
    assert (table.delimiter, table.columns.mapped) == (";", {"Wo": "street"})


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;", "sep=;;;;"])
def test_the_separator_line_of_excel_is_understood(tmp_path: Path, first: str) -> None:
    body = HEADER.replace(",", ";") + "\n1,5;b;c;d;e\n"
    for mark in ("", "\ufeff"):
        table = open_table(write(tmp_path, f"{mark}{first}\r\n{body}"))
        rows = list(table.rows())
        assert (table.delimiter, rows[0].line, rows[0].values["street"]) == (";", 3, "1,5")


def test_a_quoted_line_break_keeps_the_line_numbers_right(tmp_path: Path) -> None:
    text = f'{HEADER}\r\na,b,c,d,"one\r\ntwo\r\n\r\nfour"\r\n\r\ne,f,g,h,i\r\n'
    rows = list(open_table(write(tmp_path, text)).rows())
    assert [row.line for row in rows] == [2, 7]
    assert rows[0].values["info"] == "one\ntwo\n\nfour"
    assert rows[0].cells["notes"] == "one\r\ntwo\r\n\r\nfour"


def test_a_header_of_several_lines_keeps_the_line_numbers_right(tmp_path: Path) -> None:
    text = '"street\n",city,country,owner_email\na,b,c,d\n'
    assert lines_of(open_table(write(tmp_path, text))) == [3]


def test_records_longer_and_shorter_than_the_header(tmp_path: Path) -> None:
    text = f"{HEADER}\n1 Main St, Apt 2,Denver,US,a@example.com,\na,b,c\n,,,,\n , ,\n"
    longer, shorter = open_table(write(tmp_path, text)).rows()
    assert (longer.values, len(longer.problems), len(longer.cells)) == ({}, 1, 6)
    assert (shorter.values, shorter.problems) == ({"street": "a", "city": "b", "country": "c"}, ())


def test_empty_header_cells_at_the_end_are_reported_as_unmapped(tmp_path: Path) -> None:
    table = open_table(write(tmp_path, f"{HEADER},,\na,b,c,d,e,,\n"))
    assert table.columns.unmapped == ("column 6", "column 7")
    assert table.check() == 1


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ('a,"b,c\nd,e\n', "never closed"),
        ('a,"b"c,d\n', "expected after"),
        ('a,"' + "x" * 140_000, ""),
    ],
)
def test_a_broken_record_is_refused_with_its_line(tmp_path: Path, record: str, reason: str) -> None:
    path = write(tmp_path, f'{HEADER}\na,b,c,d,"x\ny"\n{record}')
    table = open_table(path)
    with pytest.raises(InvalidInputError, match=f"begins on line 4 is broken.*{reason}"):
        table.check()
    with pytest.raises(InvalidInputError, match="line 4"):
        list(table.rows())


def test_a_quote_that_is_never_closed_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = write(tmp_path, f'{HEADER}\na,b,c,d,e\n"' + "x,y,z\n" * 1_000_000)
    limit = csv.field_size_limit()
    tracemalloc.start()
    try:
        assert "line 3" in refusal(path)
        assert tracemalloc.get_traced_memory()[1] < path.stat().st_size
    finally:
        tracemalloc.stop()
    assert csv.field_size_limit() == limit


def test_a_record_of_many_long_cells_is_bounded_too(tmp_path: Path) -> None:
    path = write(tmp_path, f"{HEADER}\na,b,c,d,e\n" + ("x" * 100_000 + ",") * 20)
    assert "line 3" in refusal(path)


def test_utf8_with_and_without_mark(tmp_path: Path) -> None:
    text = f"{HEADER}\nM\u00fcnchner Freiheit 7,M\u00fcnchen,Germany,a@example.com,\n"
    plain, marked = write(tmp_path, text), write(tmp_path, "\ufeff" + text, "b.csv")
    for path, asked in ((plain, None), (plain, "utf8"), (marked, None), (marked, "UTF-8")):
        row = next(open_table(path, encoding=asked).rows())
        assert (row.values["city"], next(iter(row.cells))) == ("M\u00fcnchen", "street")
    assert open_table(marked).encoding == "utf-8-sig"


def test_utf16_with_its_mark_is_recognised_and_named(tmp_path: Path) -> None:
    text = "\ufeff" + f"{HEADER}\n1,\u6771\u4eac,Japan,a,b\n".replace(",", "\t")
    for codec in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        path = write(tmp_path, text.encode(codec))
        for asked in (None, codec, codec[:6]):
            table = open_table(path, encoding=asked)
            assert (table.encoding, table.delimiter) == (codec[:6], "\t")
            assert next(table.rows()).values["city"] == "\u6771\u4eac"


def test_utf16_without_its_mark_is_read_only_when_named(tmp_path: Path) -> None:
    path = write(tmp_path, f"{HEADER}\n1,2,3,4,5\n".encode("utf-16-be"))
    assert "--encoding utf-16-be" in refusal(path)
    assert "no byte-order mark" in refusal(path, encoding="utf-16")
    assert open_table(path, encoding="utf-16-be").check() == 1


@pytest.mark.parametrize("codec", ["cp1252", "cp1250", "cp1251", "cp932"])
def test_a_named_encoding_is_used(tmp_path: Path, codec: str) -> None:
    body = {"cp1252": GERMAN, "cp1250": POLISH, "cp1251": RUSSIAN, "cp932": JAPANESE}[codec]
    path = write(tmp_path, f"id,street,city,info,x,y\n{body}".encode(codec))
    table = open_table(path, encoding=codec, defaults={"country": "x", "owner_email": "y"})
    expected = [line.split(",")[1] for line in body.splitlines()]
    assert [row.values["street"] for row in table.rows()] == expected
    assert table.encoding == codec


@pytest.mark.parametrize(
    ("text", "codec", "name"),
    [
        (GERMAN, "cp1252", "Windows-1252"),
        (GERMAN, "cp850", "DOS"),
        (FRENCH, "cp1252", "Windows-1252"),
        (FRENCH, "mac_roman", "Mac Roman"),
        (POLISH, "cp1250", "Windows-1250"),
        (POLISH, "iso8859_2", "ISO 8859-2"),
        (RUSSIAN, "cp1251", "Windows-1251"),
        (RUSSIAN, "koi8_r", "KOI8-R"),
        (JAPANESE, "cp932", "Shift-JIS"),
    ],
)
def test_text_in_another_encoding_is_refused_with_the_place_and_the_encoding_to_name(
    tmp_path: Path, text: str, codec: str, name: str
) -> None:
    path = write(tmp_path, f"{HEADER}\na,b,c,d,e\n{text}".encode(codec))
    message = refusal(path)
    assert "line 3, byte 0x" in message
    assert f"looks like {name}" in message
    assert f"run again with --encoding {codec}" in message


@pytest.mark.parametrize(
    ("text", "written_in"),
    [
        (GERMAN, "cp1252 cp1250 iso8859_2 mac_roman cp850 cp852"),
        (FRENCH, "cp1252 mac_roman cp850"),
        (POLISH, "cp1250 iso8859_2 cp852"),
        (RUSSIAN, "cp1251 koi8_r cp866"),
        (JAPANESE, "cp932 euc_jp"),
    ],
)
def test_a_guess_that_is_sure_of_itself_never_changes_a_letter(text: str, written_in: str) -> None:
    for line in text.splitlines(keepends=True):
        for codec in written_in.split():
            data = line.encode(codec)
            guesses = guess_encodings(data)
            if len(guesses) == 1 and not line.isascii():
                assert data.decode(guesses[0]) == line, (codec, guesses)


@pytest.mark.parametrize(
    ("body", "codec", "candidate"),
    [
        (JAPANESE, "euc_jp", "euc_jp (EUC-JP)"),
        ("L-1,Nishi-Shinjuku,\u6771\u4eac\u90fd\u5e81\n", "euc_jp", "euc_jp (EUC-JP)"),
        ("L-1,Hauptstr. 7,M\u00fcnchen\n", "mac_roman", "mac_roman (Mac Roman)"),
    ],
)
def test_an_unsure_guess_says_so_and_names_candidates(
    tmp_path: Path, body: str, codec: str, candidate: str
) -> None:
    message = refusal(write(tmp_path, f"{HEADER}\n{body}".encode(codec)))
    assert "not certain" in message
    assert candidate in message


def test_one_bad_byte_in_a_utf8_file_is_called_damage_not_another_encoding(tmp_path: Path) -> None:
    text = f"{HEADER}\n{GERMAN * 30}".encode() + b"x,Z\xfcrich,c,d,e\n"
    message = refusal(write(tmp_path, text))
    assert "line 92, byte 0xFC" in message
    assert "most of the file is UTF-8" in message


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_the_line_of_a_bad_byte_is_right_far_into_the_file(tmp_path: Path, ending: bytes) -> None:
    for filler in range(3):
        good = HEADER.encode() + ending + (b"a,b,c,d," + b"e" * filler + ending) * 20_000
        message = refusal(write(tmp_path, good + b"M\xfcnchen,b,c,d,e" + ending))
        assert "line 20002, byte 0xFC" in message


def test_a_bad_byte_shows_in_check_and_before_any_row_if_it_is_asked(tmp_path: Path) -> None:
    table = open_table(write(tmp_path, f"{HEADER}\n".encode() + b"a,b,c,d,e\n" * 9_000 + b"\xff"))
    with pytest.raises(InvalidInputError, match="line 9002, byte 0xFF"):
        table.check()


def test_utf8_named_as_something_else_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, f"{HEADER}\n" + "a,b,c,d,e\n" * 20_000 + GERMAN)
    for codec in ("cp1252", "latin-1", "mac_roman", "cp437"):
        assert "the file is UTF-8" in refusal(path, encoding=codec)
    mixed = write(tmp_path, f"{HEADER}\n{GERMAN * 9}".encode() + b"a,Z\xfcrich,c,d,e\n", "m.csv")
    assert "the file is UTF-8" in refusal(mixed, encoding="cp1252")
    marked = write(tmp_path, f"\ufeff{HEADER}\na,b,c,d,e\n", "marked.csv")
    assert "says that it is UTF-8" in refusal(marked, encoding="cp1252")
    wide = write(tmp_path, f"\ufeff{HEADER}\na,b,c,d,e\n".encode("utf-16-le"), "wide.csv")
    for codec in ("utf-8", "cp1252", "utf-16-be"):
        assert "says that it is UTF-16" in refusal(wide, encoding=codec)


def test_a_named_encoding_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, f"{HEADER}\n{GERMAN}".encode("cp1252"))
    assert "the text is not cp932" in refusal(path, encoding="cp932")
    assert "not UTF-16" in refusal(path, encoding="utf-16-le")


@pytest.mark.parametrize("name", ["klingon", "rot13", "base64", "idna", "undefined", "", "a\0b"])
def test_an_encoding_nobody_knows_is_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, f"{HEADER}\na,b,c,d,e\n")
    assert "no text encoding named" in refusal(path, encoding=name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\n \n,,\n", "empty"),
        (HEADER.encode() + b"\n\n", "no row"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "Excel"),
        (b"\x1f\x8b\x08\x00" + bytes(20), "gzip"),
        (b"<!DOCTYPE html><table>", "web page"),
        (b"\x00\x00\x01\x02" * 300, "binary"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "line 1"),
    ],
)
def test_what_is_no_table_is_refused_in_plain_words(
    tmp_path: Path, content: bytes, words: str
) -> None:
    assert words in refusal(write(tmp_path, content))


def test_an_excel_workbook_is_named_as_such(tmp_path: Path) -> None:
    for name, words in (("[Content_Types].xml", "Excel workbook: --format excel"), ("a", "zip")):
        path = tmp_path / "list.csv"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, "x")
        assert words in refusal(path)


def test_what_cannot_be_opened_is_refused_in_plain_words(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "none.csv")
    assert "directory" in refusal(tmp_path)
    with pytest.raises(InvalidInputError, match="cannot be reached"):
        open_table("a\0b")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        assert "not a regular file" in refusal(tmp_path / "pipe")
    closed = write(tmp_path, HEADER)
    closed.chmod(0)
    if not os.access(closed, os.R_OK):
        assert "cannot be read" in refusal(closed)


def test_a_file_that_changes_its_header_is_refused(tmp_path: Path) -> None:
    table = open_table(write(tmp_path, f"{HEADER}\na,b,c,d,e\n"))
    write(tmp_path, "city,street,country,owner_email,notes\na,b,c,d,e\n")
    with pytest.raises(InvalidInputError, match="changed"):
        table.check()


def test_required_columns_are_asked_for_before_any_row_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "street,city,Land\na,b,c\n")
    message = refusal(path)
    assert "country, owner_email" in message
    assert "'Land'" in message
    table = open_table(path, mapping={"land": "country"}, defaults={"owner_email": "a@example.com"})
    assert next(table.rows()).values["owner_email"] == "a@example.com"


CELL = st.text(
    st.characters(codec="utf-8", exclude_characters="\0") | st.sampled_from(',;\t"\n\r \ufeff'),
    max_size=8,
)
COLUMNS = ["street", "city", "country", "owner_email"]


def read_back(table: Sequence[Sequence[str]], delimiter: str, codec: str, quoting: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "list.csv")
        with path.open("w", encoding=codec, newline="") as file:
            writer = csv.writer(file, delimiter=delimiter, quoting=quoting, strict=True)  # type: ignore[arg-type] # one of the QUOTE constants
            writer.writerows([COLUMNS, *table])
        asked = codec if codec == "utf-16-le" else None
        expected = [list(cells) for cells in table if not is_blank(cells)]
        if not expected:
            assert "no row" in refusal(path, encoding=asked)
            return
        opened = open_table(path, encoding=asked)
        assert opened.delimiter == delimiter
        assert [list(row.cells.values()) for row in opened.rows()] == expected


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.lists(CELL, min_size=4, max_size=4), max_size=6),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
)
def test_any_table_of_text_reads_back_the_same_cells(
    table: list[list[str]], delimiter: str, codec: str, quoting: int
) -> None:
    read_back(table, delimiter, codec, quoting)


PIECES = st.sampled_from(
    [
        b"street,city,country,owner_email\n",
        b"sep=;\n",
        b'"',
        b",",
        b";",
        b"\r",
        b"\n",
        b"\0",
        b"\xff",
        b"\xfe\xff",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"PK\x03\x04",
        "\u00fc".encode(),
        b"\xfc",
        b"\x1b$B",
    ]
)


@settings(deadline=None, max_examples=300)
@given(
    st.binary(max_size=200) | st.lists(PIECES | st.binary(max_size=9)).map(b"".join),
    st.sampled_from(
        [None, "utf-8", "cp1252", "cp932", "utf-16", "utf-16-le", "utf-7", "iso2022_jp"]
    ),
)
@example(b"street,city,country,owner_email\n\x82\n", None)
def test_arbitrary_bytes_are_rows_or_a_plain_refusal(content: bytes, encoding: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), content)
        try:
            table = open_table(path, encoding=encoding)
            counted = table.check()
        except InvalidInputError as error:
            message = str(error)
        else:
            message = table.columns.source
            assert counted == len(list(table.rows()))
        assert "list.csv" in message
