"""Postal codes that lost their zeros are told from those that have all."""

from __future__ import annotations

import pytest

from cubicasa_async.bulk.files.postal_codes import spoilt


@pytest.mark.parametrize(
    ("country", "code", "meant"),
    [
        ("Norway", "150", "0150"),
        ("Norge", "10", "0010"),
        ("AU", "800", "0800"),
        ("Brasil", "1310100", "01310100"),
        ("Brazil", "1310-100", "01310-100"),
        ("United States", "501", "00501"),
        ("The United States", "2134", "02134"),
        ("Vereinigte Staaten", "2134", "02134"),
        ("ÉTATS-UNIS", "2134", "02134"),
        ("Les États-Unis d\u2019Amérique", "2134", "02134"),
        ("U.S.A.", "2134-1234", "02134-1234"),
        ("USA", "21341234", "021341234"),
        ("us", "6011234", "006011234"),
        ("Deutschland", "1067", "01067"),
        ("Italia", "118", "00118"),
        ("TÜRKİYE", "1000", "01000"),
        ("Polska", "950", "00950"),
        ("日本", "600001", "0600001"),
        ("대한민국", "1000", "01000"),
    ],
)
def test_one_that_is_too_short_for_its_country_is_refused(
    country: str, code: str, meant: str
) -> None:
    assert f"If it is {meant}," in spoilt(country, code)


@pytest.mark.parametrize(
    ("country", "code"),
    [
        ("Norway", "0150"),
        ("Brazil", "01310-100"),
        ("United States", "02134"),
        ("United States", "02134-1234"),
        ("United States", "021341234"),
        ("Austria", "1010"),
        ("Iceland", "101"),
        ("Ruritania", "12"),
        ("United Kingdom", "SW1A 1AA"),
        ("Lithuania", "LT-01100"),
        ("Germany", None),
        (None, "1067"),
    ],
)
def test_one_that_may_be_whole_is_not(country: str | None, code: str | None) -> None:
    assert spoilt(country, code) == ""


def test_how_many_digits_there_may_be_is_said() -> None:
    assert spoilt("USA", "2134").startswith("a postal code of USA has 5 or 9 digits; as a number")
