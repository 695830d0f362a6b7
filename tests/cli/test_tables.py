"""What tables on a terminal of any width keep."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from cubicasa_async.cli.tables import Facts, Rows, count

ID = "5487ce1e-af19-422a-99b8-a714e61a441c"
HEADINGS = ("id", "email", "role", "email confirmed", "note", "address")
ROWS = [
    (ID, "manager@example.com", "Manager", "yes", "first_second-" * 4, "12 Example Street, Town"),
    (ID[::-1], "東京@example.com", "User", "-", "short", "東京都庁 1, 東京"),
]


def shown(printed: Rows | Facts, *, width: int, encoding: str = "utf-8") -> str:
    written = io.BytesIO()
    console = Console(file=io.TextIOWrapper(written, encoding=encoding), width=width)
    console.print(printed)
    console.file.flush()
    return written.getvalue().decode(encoding)


def letters(text: str) -> str:
    return "".join(sorted("".join(text.split())))


@pytest.mark.parametrize("width", [24, 40, 60, 80, 100, 120, 160, 240])
def test_nothing_is_lost_and_no_line_is_wider_than_the_terminal(width: int) -> None:
    text = shown(Rows(HEADINGS, ROWS, folds=("note",)), width=width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert letters(text).count("@") == 2
    headings = HEADINGS * (1 if text.split()[0:2] == ["id", "email"] else len(ROWS))
    assert letters(text) == letters("".join(headings) + "".join(map("".join, ROWS)))


def test_control_a_table_that_cuts_is_seen() -> None:
    text = shown(Rows(HEADINGS, ROWS, folds=("note",), cut="address"), width=125)
    assert letters(text) != letters("".join(HEADINGS) + "".join(map("".join, ROWS)))


@pytest.mark.parametrize("width", [100, 120, 160])
def test_ids_and_words_are_whole_in_their_columns(width: int) -> None:
    text = shown(Rows(HEADINGS[:5], [row[:5] for row in ROWS], folds=("note",)), width=width)
    for whole in (ID, "manager@example.com", "東京@example.com", "Manager", "confirmed"):
        assert whole in text
    assert text.split()[:2] == ["id", "email"]


def test_where_columns_have_no_room_each_row_becomes_a_block() -> None:
    lines = shown(Rows(HEADINGS, ROWS, folds=("note",)), width=70).splitlines()
    assert lines[0].split() == ["id", ID]
    assert [line.split()[0] for line in lines if line.strip()][:4] == [
        "id",
        "email",
        "role",
        "email",
    ]
    assert sum(not line.strip() for line in lines) == 1


def test_one_column_is_cut_first_and_left_out_before_anything_else_suffers() -> None:
    table = Rows(("id", "status", "address"), [(ID, "Ready", "12 Example Street")], cut="address")
    assert "12 Example Street" in shown(table, width=70)
    assert "12 Example St…" in shown(table, width=62)
    narrow = shown(table, width=50)
    assert ID in narrow
    assert "Ready" in narrow
    assert "address" not in narrow


def test_where_letters_cannot_be_written_the_table_stays_as_wide_as_it_may_be() -> None:
    table = Rows(("id", "status", "address"), [(ID, "Ready", "Grünstraße 1, Köln")], cut="address")
    text = shown(table, width=66, encoding="ascii")
    assert "Gr\\xfcnstra\\xdf..." in text
    assert max(map(len, text.splitlines())) <= 66


def test_what_would_move_the_cursor_or_turn_the_text_is_escaped() -> None:
    evil = "a\x1b[2Jb\x9bc\x07\rd\u202ee\u2066f\u2028g"
    for text in (
        shown(Rows(("name",), [(evil,)]), width=80),
        shown(Facts({"name": evil}), width=80),
    ):
        assert not set("\x1b\x9b\x07\r\u202e\u2066\u2028") & set(text)
        assert "a\\x1b[2Jb\\x9bc\\x07\\rd\\u202ee\\u2066f\\u2028g" in text


def test_one_is_no_plural() -> None:
    assert [count(number, "order") for number in (0, 1, 2)] == ["0 orders", "1 order", "2 orders"]
