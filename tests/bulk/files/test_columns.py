from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubicasa_async.bulk.files.columns import FIELDS, Columns, insensitive, read_cell
from cubicasa_async.errors import InvalidInputError

NEEDED = ["street", "city", "country", "owner_email"]


def resolve(header: list[str], **options: object) -> Columns:
    return Columns.resolve(header, source="list.csv", **options)  # type: ignore[arg-type] # passed on


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("ZIP", "postal_code"),
        ("Zip Code", "postal_code"),
        ("postalCode", "postal_code"),
        ("PLZ", "postal_code"),
        ("Lat.", "latitude"),
        ("LNG", "longitude"),
        ("lon", "longitude"),
        ("long", "longitude"),
        ("Listing-Number", "external_id"),
        ("MLS number", "external_id"),
        ("Property ID", "external_id"),
        ("agent_email", "owner_email"),
        ("E-Mail", "owner_email"),
        ("Address Line 1", "street"),
        ("address line 2", "suite"),
        ("Stra\N{LATIN SMALL LETTER SHARP S}e", "street"),
        ("Pa\u00eds", "country"),
        ("\u00a0To\u200bwn ", "city"),
        ("Region", "state"),
        ("Remarks", "info"),
        ("Package", "package_type"),
        ("Add-Ons", "add_ons"),
        ("order_preferences.style_3d.video.speed", "order_preferences.style_3d.video.speed"),
    ],
)
def test_common_names_are_known_without_asking(theirs: str, ours: str) -> None:
    assert list(resolve([theirs]).mapped.values()) == [ours]


@pytest.mark.parametrize(
    "theirs",
    [
        "id",
        "number",
        "name",
        "price",
        "status",
        "location",
        "land",
        "suburb",
        "address line",
        "date",
    ],
)
def test_a_name_that_could_mean_something_else_is_reported_as_unmapped(theirs: str) -> None:
    columns = resolve([theirs, *NEEDED])
    assert columns.unmapped == (theirs,)
    assert theirs not in columns.mapped


def test_every_field_of_ours_is_known_by_its_own_name() -> None:
    assert list(resolve(list(FIELDS)).mapped.values()) == list(FIELDS)


def test_two_columns_of_one_meaning_are_refused_with_a_way_out() -> None:
    with pytest.raises(InvalidInputError) as caught:
        resolve(["zip", "Postcode"])
    message = str(caught.value)
    assert all(part in message for part in ("list.csv", "'zip'", "'Postcode'", "--map", "--ignore"))
    assert caught.value.field_errors[0].field == "postal_code"


def test_the_way_out_of_two_columns_works() -> None:
    mapped = resolve(["zip", "Postcode"], mapping={"zip": "postal_code"})
    assert (dict(mapped.mapped), mapped.unmapped) == ({"zip": "postal_code"}, ("Postcode",))
    ignored = resolve(["zip", "Postcode"], ignore=["Postcode"])
    assert (dict(ignored.mapped), ignored.ignored) == ({"zip": "postal_code"}, ("Postcode",))


def test_a_mapping_wins_over_a_known_name() -> None:
    assert dict(resolve(["zip"], mapping={"ZIP": "info"}).mapped) == {"zip": "info"}


def test_a_mapping_is_matched_exactly_before_it_is_matched_loosely() -> None:
    columns = resolve(["Ref No", "ref_no"], mapping={"ref_no": "external_id"})
    assert dict(columns.mapped) == {"ref_no": "external_id"}
    with pytest.raises(InvalidInputError, match="'Ref No' or 'ref_no'"):
        resolve(["Ref No", "ref_no"], mapping={"REFNO": "external_id"})


@pytest.mark.parametrize("option", [{"mapping": {"stret": "street"}}, {"ignore": ["stret"]}])
def test_a_column_that_is_not_there_is_refused_with_what_there_is(
    option: dict[str, object],
) -> None:
    with pytest.raises(InvalidInputError, match=r"Did you mean 'street'\? .*'street', 'city'"):
        resolve(["street", "city"], **option)


@pytest.mark.parametrize("option", ["mapping", "defaults"])
def test_a_field_we_do_not_have_is_refused_with_those_we_have(option: str) -> None:
    given_ = {"x": "postalcode"} if option == "mapping" else {"postalcode": "x"}
    with pytest.raises(InvalidInputError, match=r"Did you mean 'postal_code'\? .*owner_email"):
        resolve(["x"], **{option: given_})


def test_a_column_cannot_be_both_mapped_and_ignored() -> None:
    with pytest.raises(InvalidInputError, match="both mapped and ignored"):
        resolve(["a"], mapping={"a": "info"}, ignore=["A"])


def test_two_names_for_one_column_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="mapped twice"):
        resolve(["a"], mapping={"a": "info", "A": "city"})


def test_missing_fields_are_told_and_refused_unless_a_default_fills_them() -> None:
    columns = resolve(
        ["street", "City", "Ort"], defaults={"country": "Germany", "owner_email": " "}
    )
    assert columns.missing == ("owner_email",)
    with pytest.raises(InvalidInputError, match=r"owner_email.*--map.*default.*'Ort'") as caught:
        columns.require()
    assert [error.field for error in caught.value.field_errors] == ["owner_email"]


def test_an_unreadable_default_is_refused_at_once() -> None:
    with pytest.raises(InvalidInputError, match="latitude: the default 'north'"):
        resolve(["street"], defaults={"latitude": "north"})


def test_defaults_fill_empty_cells_but_never_stand_in_for_an_unreadable_one() -> None:
    columns = resolve([*NEEDED, "lat"], defaults={"country": "Norway", "latitude": "59,9"})
    row = columns.row(2, ["a", "b", " ", "c", "12\u00b0N"])
    assert row.values == {"street": "a", "city": "b", "country": "Norway", "owner_email": "c"}
    assert [problem.field for problem in row.problems] == ["latitude"]
    assert columns.row(3, ["a"]).values["latitude"] == 59.9


def test_columns_without_a_name_and_with_a_used_name_can_be_told_apart() -> None:
    columns = resolve(["street", "", "photo", "photo", "street"], ignore=["street (column 5)"])
    assert columns.names == ("street", "column 2", "photo", "photo (column 4)", "street (column 5)")
    assert columns.unmapped == ("column 2", "photo", "photo (column 4)")
    with pytest.raises(InvalidInputError, match=r"'street' and 'street \(column 2\)'"):
        resolve(["street", "street"])


def test_a_damaged_header_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="column 2 is damaged"):
        resolve(["street", "\x00\x01"])


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("48.137154", 48.137154),
        ("-90.066198", -90.066198),
        ("48,137154", 48.137154),
        ("\N{MINUS SIGN}33,85", -33.85),
        ("+1.5", 1.5),
        ("4.8e1", 48.0),
        ("4,8E-1", 0.48),
        ("139.739236", 139.739236),
        ("1,234", 1.234),
        ("-.5", -0.5),
        ("7", 7.0),
    ],
)
def test_numbers_as_people_write_them_are_understood(text: str, number: float) -> None:
    assert read_cell("latitude", f"\u00a0{text} ") == number


@pytest.mark.parametrize(
    "text",
    [
        "1.234,5",
        "1,234.5",
        "48,137,154",
        "48.137.154",
        "nan",
        "inf",
        "-Infinity",
        "1_0",
        "12\u00b0N",
        "\u0661\u0662",
        "\uff11",
        "1e999",
        "48.",
        "0x10",
        "1 234",
        "--1",
        "\u00bd",
        "-",
        "1e",
    ],
)
def test_a_number_that_is_not_plain_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_cell("longitude", text)


@given(st.floats(-180, 180))
def test_any_coordinate_reads_back_with_dot_and_with_comma(number: float) -> None:
    assert read_cell("longitude", repr(number)) == number
    assert read_cell("longitude", repr(number).replace(".", ",")) == number


@given(st.text())
def test_a_number_is_finite_or_refused(text: str) -> None:
    try:
        number = read_cell("latitude", text)
    except ValueError:
        return
    assert number is None or (isinstance(number, float) and math.isfinite(number))


def test_text_is_stripped_folded_and_normalised() -> None:
    assert read_cell("street", "\ufeff\u200b  Main\u00a0 \t St\n5 \u200e") == "Main St 5"
    assert read_cell("city", "Mu\u0308nchen") == "M\u00fcnchen"
    assert read_cell("postal_code", "02215") == "02215"


def test_empty_looking_cells_are_empty() -> None:
    assert [read_cell("street", text) for text in ("", " ", "\u00a0\u200b", "\n")] == [None] * 4
    assert read_cell("add_ons", " ; ,") is None


def test_free_text_keeps_its_lines() -> None:
    assert read_cell("info", " a  b\r\nc\rd\n") == "a  b\nc\nd"


@pytest.mark.parametrize("text", ["Z\ufffdrich", "a\x00b", "a\x85b", "\x1b[31m", "\x0b"])
def test_damaged_text_is_refused_in_every_kind_of_cell(text: str) -> None:
    for field in FIELDS:
        with pytest.raises(ValueError, match="damaged before it came here"):
            read_cell(field, text)


def test_lists_take_every_usual_separator_and_fold_repeats() -> None:
    assert read_cell("add_ons", "gla, express_sla;gla | 3d_cad_files,,") == [
        "gla",
        "express_sla",
        "3d_cad_files",
    ]


def test_yes_and_no() -> None:
    field = "order_preferences.style_3d.include_basement"
    assert [read_cell(field, t) for t in ("Yes", "TRUE", "1", "no", "false", "0")] == (
        [True] * 3 + [False] * 3
    )
    with pytest.raises(ValueError, match="yes or no"):
        read_cell(field, "maybe")


def test_nested_fields_become_nested_values() -> None:
    header = ["order_preferences.style_2d.add_info", "Speed", "Basement"]
    columns = resolve(
        header,
        mapping={
            "speed": "order_preferences.style_3d.video.speed",
            "basement": "order_preferences.style_3d.include_basement",
        },
    )
    row = columns.row(2, ["thick walls", "slow", "maybe"])
    assert row.values == {
        "order_preferences": {
            "style_2d": {"add_info": "thick walls"},
            "style_3d": {"video": {"speed": "slow"}},
        }
    }
    assert row.problems[0].field == "order_preferences.style_3d.include_basement"
    assert "'Basement'" in row.problems[0].message


def test_rows_share_no_lists() -> None:
    columns = resolve(["street"], defaults={"add_ons": "gla"})
    first, second = (columns.row(line, ["a"]).values["add_ons"] for line in (2, 3))
    assert first == second == ["gla"]
    assert first is not second


def test_a_problem_names_the_column_and_quotes_the_cell_shortened() -> None:
    row = resolve(["Lat"]).row(2, ["x" * 500])
    assert "'Lat'" in row.problems[0].message
    assert len(row.problems[0].message) < 200
    assert row.cells == {"Lat": "x" * 500}


def test_a_record_longer_than_the_header_has_a_problem_and_no_values_but_loses_nothing() -> None:
    row = resolve(["street", "city"]).row(9, ["Main St", "Apt 2", "Denver"])
    assert (row.line, row.values, len(row.problems)) == (9, {}, 1)
    assert list(row.cells.values()) == ["Main St", "Apt 2", "Denver"]


def test_a_record_shorter_than_the_header_ends_in_empty_cells() -> None:
    row = resolve(["street", "city"]).row(2, ["Main St"])
    assert (row.values, row.problems) == ({"street": "Main St"}, ())
    assert row.cells == {"street": "Main St", "city": ""}


@given(st.text())
def test_insensitive_names_do_not_depend_on_case_or_punctuation(name: str) -> None:
    assert insensitive(f" {name}-_. ") == insensitive(name)
