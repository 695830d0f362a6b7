from __future__ import annotations

from pathlib import Path

import pytest

from cubicasa_async.errors import ConfigError
from cubicasa_async.store import Place

SECRET = "p-a-s-s-w-o-r-d"


@pytest.mark.parametrize("target", ["orders.db", Path("orders.db"), "sqlite:///orders.db"])
def test_a_path_is_a_file(target: str | Path) -> None:
    place = Place.of(target)
    assert place.path == Path("orders.db")
    assert place.name == "orders.db"
    assert place.url.drivername == "sqlite+aiosqlite"


def test_an_absolute_url_is_an_absolute_path(tmp_path: Path) -> None:
    assert Place.of(f"sqlite:///{tmp_path}/a.db").path == tmp_path / "a.db"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_server_is_named_without_its_password(scheme: str) -> None:
    place = Place.of(f"{scheme}://me:{SECRET}@db.example:5433/orders?password={SECRET}")
    assert place.path is None
    assert place.name == "postgresql://me@db.example:5433/orders"
    assert place.url.drivername == "postgresql+psycopg"
    assert place.url.password == SECRET
    assert SECRET not in repr(place)


@pytest.mark.parametrize(
    "target",
    [
        "",
        ":memory:",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///orders.db?mode=ro",
        f"mysql://me:{SECRET}@db.example/orders",
        f"postgresql://me:{SECRET}@db.example:many/orders",
        f"://{SECRET}",
    ],
)
def test_what_is_no_store_is_refused_and_its_password_not_repeated(target: str) -> None:
    with pytest.raises(ConfigError, match="A store is a file, or a URL such as") as caught:
        Place.of(target)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
