"""Whatever a password is made of, no part of it shows; encoded, each one can be said."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cubicasa_async.bulk.journal.places import journal_at
from cubicasa_async.bulk.journal.postgres_place import PostgresPlace
from cubicasa_async.errors import ConfigError, CubiCasaError
from cubicasa_async.store import Place

pytest.importorskip(
    "psycopg", reason="psycopg has no build for this platform", exc_type=ImportError
)

BEGIN, END = "Q7Q", "Z9Z"
BEFORE_HOST = "postgresql://u:{}@127.0.0.1:1/db"
AMONG_PARAMETERS = "postgresql:///db?host=127.0.0.1&port=1&user=u&password={}"
TEMPLATES = (BEFORE_HOST, f"{BEFORE_HOST}#job", AMONG_PARAMETERS, f"{AMONG_PARAMETERS}#job")
SPECIAL = "\0#/@?%:[]\\;&=+ \n,^ä"
middles = st.text(st.sampled_from(SPECIAL) | st.characters(codec="utf-8"), max_size=12)


def shown(url: str) -> str:
    """All that is said of a place, or of why it is none."""
    said: list[str] = []
    for place in (PostgresPlace, journal_at, Place.of):
        try:
            found = place(url)
        except CubiCasaError as exc:
            said += [str(exc), repr(exc), repr(exc.__cause__)]
        else:
            said += [str(found) if isinstance(found, PostgresPlace) else repr(found)]
            said += [found.name] if isinstance(found, Place) else []
    return " ".join(said)


@settings(max_examples=500)
@given(middles, st.sampled_from(TEMPLATES))
def test_no_part_of_a_password_shows_whatever_it_is(middle: str, template: str) -> None:
    if "password=" in template and "&" in middle:
        return  # behind it, another parameter may well begin
    said = shown(template.format(BEGIN + middle + END))
    assert BEGIN not in said
    assert END not in said


@given(middles.filter(lambda middle: "\0" not in middle), st.sampled_from(TEMPLATES[:3]))
def test_an_encoded_password_is_the_one_that_was_meant(middle: str, template: str) -> None:
    password = BEGIN + middle + END
    url = template.format(quote(password, safe=""))
    assert PostgresPlace(url).said(ValueError(f"not <{password}>")) == "not <***>"
    store = Place.of(url.partition("#")[0])
    assert store.secrets() == (password,)


@pytest.mark.parametrize("mark", "#/@?%")
@pytest.mark.parametrize("place", [journal_at, Place.of])
def test_what_has_to_be_encoded_is_said(mark: str, place: Callable[[str], object]) -> None:
    url = BEFORE_HOST.format(f"AAA{mark}BBB")
    with pytest.raises(ConfigError, match=r"cannot be read.*# is %23, / is %2F") as caught:
        place(url)
    assert f"{mark} is %{ord(mark):02X}" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:123@[::1]:5432/db#spring/2026",
        "postgresql://%2Fvar%2Frun/db",
        "postgresql:///db?host=/var/run&options=-c%20search_path%3Dplans",
        "postgres://me%40tenant@db.example/db",
        "postgresql://",
    ],
)
def test_what_is_clear_is_read(url: str) -> None:
    PostgresPlace(url)
    Place.of(url)


def test_a_journal_may_be_on_one_of_several_hosts() -> None:
    PostgresPlace("postgresql://a.example:1,b.example:2/db?target_session_attrs=primary")
