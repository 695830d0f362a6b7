"""Which addresses are of one property, and how sure that is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubicasa_async import Address
from cubicasa_async.bulk.reconcile.addresses import Property, address_of_line
from cubicasa_async.bulk.reconcile.likeness import Likeness, likeness, metres

SURE, LIKELY = 0.85, 0.6


def compare(one: str, other: str) -> Likeness:
    found = likeness(*(Property.of(address_of_line(line)) for line in (one, other)))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("615 Bourbon St, New Orleans, LA 70130", "615 BOURBON STREET, new orleans, Louisiana"),
        ("615 Bourbon St, New Orleans, LA", "615 Bourbon St., New Orleans, LA 70130-1234, USA"),
        ("615 Bourbon St Apt A1, New Orleans, LA", "615 Bourbon St, Unit A1, New Orleans, LA"),
        ("615 Bourbon St #A1, New Orleans, LA", "615 Bourbon St, Suite A1, New Orleans, LA"),
        ("350 Fifth Avenue, New York, NY 10118", "350 5th Ave, New York, New York 10118"),
        ("1600 Pennsylvania Ave NW, Washington, DC", "1600 NW Pennsylvania Avenue, Washington, DC"),
        ("100 St Charles Ave, St Louis, MO", "100 Saint Charles Avenue, Saint Louis, Missouri"),
        ("Hauptstraße 12, München, Germany", "12 Hauptstr., Munchen, Deutschland"),
        ("Aleksanterinkatu 52, Helsinki", "Aleksanterinkatu 52 B, Helsinki"),
        (
            "10 Rue de l'Église, Montréal, QC H2X 1Y4",
            "10 rue de l\u2019Eglise, Montreal, Quebec",
        ),
        ("12-14 High St, Leeds, UK", "14 High Street, Leeds, United Kingdom"),
        ("615 Bourbon St, New Orleans, LA", "615 Burbon St, New Orleans, LA"),
        ("123 1/2 Main St, Salem, OR", "123 1/2 Main Street, Salem, Oregon"),
    ],
)
def test_ways_to_write_one_address_are_alike(one: str, other: str) -> None:
    assert compare(one, other).score >= SURE
    assert compare(other, one).score >= SURE


@pytest.mark.parametrize(
    ("other", "least", "most", "reason"),
    [
        ("Bourbon St, New Orleans, LA 70130", LIKELY, SURE, "one has no house number"),
        ("615 Bourbon St, Unit B, New Orleans, LA 70130", SURE, 0.97, "one names no unit"),
        ("615 Bourbon Ave, New Orleans, LA 70130", LIKELY, SURE, "but street and avenue"),
        ("617 Bourbon St, New Orleans, LA 70130", 0, 0.5, "other house number (615 and 617)"),
        ("615 Bourbon St, Gretna, LA 70130", LIKELY, 0.97, "of one postal code"),
        ("615 Bourbon St, New Orleans, TX 70130", 0, LIKELY, "other state (la and tx)"),
        ("615 Bourbon St, Baton Rouge, LA 70801", 0, 0.5, "other city"),
        ("615 Burbon St, New Orleans, LA 70130", SURE, 0.97, "similar street names"),
        ("615 N Bourbon St, New Orleans, LA 70130", LIKELY, 0.97, "does not say the direction"),
    ],
)
def test_a_difference_counts_and_is_said(
    other: str, least: float, most: float, reason: str
) -> None:
    found = compare("615 Bourbon St, New Orleans, LA 70130", other)
    assert least <= found.score <= most
    assert reason in "; ".join(found.reasons)


def test_other_units_of_one_building_are_told_apart() -> None:
    same = compare("1 Main St Apt 2, Salem, OR", "1 Main Street, Unit 2, Salem, OR")
    other = compare("1 Main St Apt 2, Salem, OR", "1 Main Street, Unit 3, Salem, OR")
    assert other.score < same.score
    assert "other unit (2 and 3)" in other.reasons


def test_streets_that_have_nothing_in_common_are_no_candidates() -> None:
    one, other = (
        Property.of(address_of_line(line)) for line in ("1 Elm St, Salem", "1 Oak Rd, Salem")
    )
    assert likeness(one, other) is None


def test_the_house_number_may_stand_in_its_own_field() -> None:
    one = Property.of(Address(street="Bourbon St", number="615", city="New Orleans"))
    assert one == Property.of(Address(street="615 Bourbon Street", city="new orleans"))


def test_places_count() -> None:
    near = {"latitude": 29.9584, "longitude": -90.0662}
    far = {"latitude": 30.4, "longitude": -91.1}
    one = Property.of(Address(street="Bourbon St", **near))  # type: ignore[arg-type] # numbers
    by_place = [
        likeness(one, Property.of(Address(street="615 Bourbon St", **place)))  # type: ignore[arg-type] # numbers
        for place in (near, far)
    ]
    assert by_place[0] is not None
    assert by_place[1] is not None
    assert by_place[0].score > by_place[1].score
    assert "0 m apart" in by_place[0].reasons
    assert any("km apart" in reason for reason in by_place[1].reasons)
    assert round(metres((0.0, 0.0), (0.0, 1.0)) / 1000) == 111


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("1 A St", {"street": "1 A St"}),
        ("1 A St, Salem", {"street": "1 A St", "city": "Salem"}),
        ("1 A St, 97301", {"street": "1 A St", "postal_code": "97301"}),
        (
            "1 A St, Apt 2, Salem, OR 97301, USA",
            {
                "street": "1 A St",
                "suite": "Apt 2",
                "city": "Salem",
                "state": "OR",
                "postal_code": "97301",
                "country": "USA",
            },
        ),
        (
            "1 A St, Albany, New York 12207",
            {"street": "1 A St", "city": "Albany", "state": "New York", "postal_code": "12207"},
        ),
        ("1 A St, Apt 2", {"street": "1 A St", "suite": "Apt 2"}),
    ],
)
def test_an_address_on_one_line_is_taken_apart(line: str, expected: dict[str, str]) -> None:
    assert address_of_line(line) == Address(**expected)  # type: ignore[arg-type] # texts


@pytest.mark.parametrize(
    ("town", "city", "state", "code"),
    [
        ("06108 Halle", "Halle", None, "06108"),
        ("Halle 06108", "Halle", None, "06108"),
        ("Halle, 06108", "Halle", None, "06108"),
        ("06108, Halle", "Halle", None, "06108"),
        ("Neustadt, D-06108 Halle", "Halle", None, "D-06108"),
        ("06108 Halle, Sachsen-Anhalt", "Halle", "Sachsen-Anhalt", "06108"),
        ("75002 Paris, France", "Paris", None, "75002"),
        ("1010 Wien", "Wien", None, "1010"),
        ("9000 St. Gallen", "St. Gallen", None, "9000"),
        ("2300 LA CHAUX-DE-FONDS", "LA CHAUX-DE-FONDS", None, "2300"),
        ("1012 AB Amsterdam", "Amsterdam", None, "1012 AB"),
        ("110 00 Praha 1", "Praha 1", None, "110 00"),
        ("00-950 Warszawa", "Warszawa", None, "00-950"),
        ("SW1A 1AA London", "London", None, "SW1A 1AA"),
        ("London SW1A 1AA", "London", None, "SW1A 1AA"),
        ("Dublin 4, D02 X285", "Dublin 4", None, "D02 X285"),
        ("Sydney, NSW 2000", "Sydney", None, "2000"),
        ("Springfield IL 62701", "Springfield", "IL", "62701"),
        ("Springfield, Illinois, 62701", "Springfield", "Illinois", "62701"),
        ("New Orleans, 70130 LA", "New Orleans", "LA", "70130"),
        ("LA 70130", None, "LA", "70130"),
        ("New York 10001", "New York", None, "10001"),
        ("Toronto ON M5V 2T6", "Toronto", "ON", "M5V 2T6"),
        ("100 Mile House, BC", "100 Mile House", "BC", None),
        ("Oslo, 150", "Oslo", None, "150"),
    ],
)
def test_a_postal_code_may_stand_before_the_city_or_behind_it(
    town: str, city: str | None, state: str | None, code: str | None
) -> None:
    found = address_of_line(f"1 A, {town}")
    assert (found.city, found.state, found.postal_code) == (city, state, code)


@pytest.mark.parametrize("wanted", ["06108 Halle", "D-06108 Halle, Germany", "Halle 06108"])
def test_of_cities_with_one_name_the_one_with_the_postal_code_is_first(wanted: str) -> None:
    here, elsewhere = (
        likeness(
            Property.of(address_of_line(f"Am Markt 3, {wanted}")),
            Property.of(Address(street="Am Markt 3", city="Halle", postal_code=code)),
        )
        for code in ("06108", "33790")
    )
    assert here is not None
    assert elsewhere is not None
    assert here.score >= SURE > elsewhere.score
    assert {"same city", "same postal code"} <= {*here.reasons}
    assert {"same city", "other postal code (06108 and 33790)"} <= {*elsewhere.reasons}


TEXTS = st.none() | st.text(max_size=40)


@given(st.builds(Address, street=TEXTS, number=TEXTS, suite=TEXTS, city=TEXTS, state=TEXTS))
def test_any_address_can_be_compared_with_itself(address: Address) -> None:
    home = Property.of(address)
    alike = likeness(home, home)
    assert (alike is None) == (not home.street)
    if alike is not None:
        assert alike.score >= 0.8
    for other in (Property(), Property(street="main")):
        assert likeness(home, other) == likeness(home, other)
