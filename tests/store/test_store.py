"""What is promised of a database, of SQLite and of PostgreSQL alike."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cubicasa_async.core.postgres import IDLENESS
from cubicasa_async.errors import ConfigError, StoreError
from cubicasa_async.store import AnyText, Moment, Schema, Store, database, insert_new, upsert
from tests.support.waiting import until

METADATA = MetaData()
THINGS = Table(
    "things",
    METADATA,
    Column("id", Text, primary_key=True, comment="What it is called."),
    Column("size", Integer, comment="How large it is, in bytes."),
    Column("at", Moment, comment="When it was made."),
    Column("name", AnyText, comment="What its owner says of it."),
    comment="Things, one row each.",
)
SCHEMA = Schema("thing store", 1, METADATA)


async def count(store: Store) -> int:
    async with store.reading() as connection:
        return (await connection.execute(select(func.count()).select_from(THINGS))).scalar_one()


async def put(store: Store, *names: str) -> None:
    async with store.writing() as connection:
        await connection.execute(insert(THINGS), [{"id": name} for name in names])


async def test_what_was_written_is_there_when_it_is_opened_again(target: str) -> None:
    async with Store(target, SCHEMA) as store:
        await put(store, "a", "b")
    async with Store(target, SCHEMA) as store:
        assert await count(store) == 2


async def test_a_transaction_that_fails_has_written_nothing(target: str) -> None:
    async def fail(store: Store) -> None:
        async with store.writing() as connection:
            await connection.execute(insert(THINGS), [{"id": "a"}])
            raise KeyError

    async with Store(target, SCHEMA) as store:
        with pytest.raises(KeyError):
            await fail(store)
        assert await count(store) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="files in use cannot be removed there")
@pytest.mark.parametrize("replaced", [False, True])
async def test_what_is_written_to_a_file_that_was_taken_away_is_not_taken_for_written(
    tmp_path: Path, *, replaced: bool
) -> None:
    path, away = tmp_path / "things.db", tmp_path / "away.db"
    async with Store(path, SCHEMA) as store:
        await put(store, "a")
        path.rename(away)  # kept, as a new file could get its number
        if replaced:
            path.write_bytes(away.read_bytes())
        for name in ("b", "c"):
            with pytest.raises(StoreError, match="was removed or replaced while it was in use"):
                await put(store, name)


async def test_a_transaction_that_is_cancelled_has_written_nothing(target: str) -> None:
    written = asyncio.Event()

    async def write(store: Store) -> None:
        async with store.writing() as connection:
            await connection.execute(insert(THINGS), [{"id": "a"}])
            written.set()
            await asyncio.Event().wait()

    async with Store(target, SCHEMA) as store:
        task = asyncio.create_task(write(store))
        await written.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await put(store, "b")
        assert await count(store) == 1


async def test_a_reader_sees_one_state_while_others_write(target: str) -> None:
    async with Store(target, SCHEMA) as store:
        await put(store, "a")
        async with store.reading() as connection:
            ask = select(func.count()).select_from(THINGS)
            before = (await connection.execute(ask)).scalar_one()
            await put(store, "b")
            assert (await connection.execute(ask)).scalar_one() == before == 1
        assert await count(store) == 2


async def test_writers_at_once_lose_nothing(target: str) -> None:
    async def add(store: Store) -> None:
        async with store.writing() as connection:
            row = select(THINGS.c.size).where(THINGS.c.id == "a").with_for_update()
            size = (await connection.execute(row)).scalar_one()
            await asyncio.sleep(0)
            await connection.execute(upsert(connection, THINGS), [{"id": "a", "size": size + 1}])

    async with Store(target, SCHEMA) as store, Store(target, SCHEMA) as other:
        async with store.writing() as connection:
            await connection.execute(insert(THINGS), [{"id": "a", "size": 0}])
        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(add(other if number % 2 else store))
        async with store.reading() as connection:
            assert (await connection.execute(select(THINGS.c.size))).scalar_one() == 20


async def test_moments_are_aware_and_any_text_can_be_kept(target: str) -> None:
    here = datetime(2026, 7, 1, 12, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=3)))
    async with Store(target, SCHEMA) as store:
        async with store.writing() as connection:
            row = {"id": "a", "at": here, "name": "nul \0 and é, 東京, 😀"}
            await connection.execute(insert(THINGS), [row])
        async with store.reading() as connection:
            found = (await connection.execute(select(THINGS))).one()
    assert found.at == here
    assert found.at.tzinfo is UTC
    assert found.name == "nul \ufffd and é, 東京, 😀"


async def test_a_moment_without_a_zone_is_refused(target: str) -> None:
    naive = {"id": "a", "at": datetime(2026, 7, 1)}  # noqa: DTZ001 # that is the point
    async with Store(target, SCHEMA) as store:
        with pytest.raises(StoreError, match="A moment needs a time zone"):
            async with store.writing() as connection:
                await connection.execute(insert(THINGS), [naive])


async def test_a_row_is_overwritten_or_left_as_it_is(target: str) -> None:
    async with Store(target, SCHEMA) as store, store.writing() as connection:
        await connection.execute(insert(THINGS), [{"id": "a", "size": 1, "name": "first"}])
        put_over = upsert(connection, THINGS, keep=("name",))
        await connection.execute(put_over, [{"id": "a", "size": 2, "name": "second"}])
        leave = insert_new(connection, THINGS).returning(THINGS.c.id)
        rows = [{"id": "a", "size": 3}, {"id": "b", "size": 3}]
        assert (await connection.execute(leave, rows)).scalars().all() == ["b"]
        found = (await connection.execute(select(THINGS).order_by(THINGS.c.id))).all()
    assert [(row.id, row.size, row.name) for row in found] == [
        ("a", 2, "first"),
        ("b", 3, None),
    ]


async def test_many_may_make_the_tables_at_once(target: str) -> None:
    async def use(name: str) -> None:
        async with Store(target, SCHEMA) as store:
            await put(store, name)

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(use(str(number)))
    async with Store(target, SCHEMA) as store:
        assert await count(store) == 5


async def test_several_schemas_share_a_database(target: str) -> None:
    metadata = MetaData()
    Table("others", metadata, Column("id", Text, primary_key=True))
    async with Store(target, SCHEMA), Store(target, Schema("other store", 7, metadata)):
        pass
    async with Store(target, SCHEMA, create=False) as store:
        assert await count(store) == 0


async def test_another_version_is_refused(target: str) -> None:
    async with Store(target, SCHEMA):
        pass
    newer = Schema(SCHEMA.name, 2, METADATA)
    with pytest.raises(
        StoreError,
        match="holds the thing store in version 1, and this release of the library knows version 2",
    ):
        async with Store(target, newer):
            pass


async def test_tables_of_the_same_name_that_are_not_ours_are_refused(target: str) -> None:
    metadata = MetaData()
    Table("things", metadata, Column("id", Text))
    async with Store(target, Schema("other store", 1, metadata)):
        pass
    with pytest.raises(StoreError, match=r"holds something else \(things\)"):
        async with Store(target, SCHEMA):
            pass


async def test_what_is_only_read_is_not_made(target: str) -> None:
    with pytest.raises(StoreError, match="no thing store"):
        async with Store(target, SCHEMA, create=False):
            pass
    assert not Path(target).exists()


async def test_one_has_it_alone(target: str) -> None:
    async with Store(target, SCHEMA) as store, Store(target, SCHEMA) as other:
        async with store.alone("run"):
            with pytest.raises(StoreError, match="Another run is at work on "):
                async with other.alone("run"):
                    pass
        async with other.alone("run"):
            pass


async def test_the_right_to_be_alone_ends_with_a_process_that_is_killed(target: str) -> None:
    code = (
        "import asyncio, sys\n"
        "from tests.store.test_store import SCHEMA, Store\n"
        "async def main():\n"
        "    async with Store(sys.argv[1], SCHEMA) as store, store.alone('run'):\n"
        "        print('has it', flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, target),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"has it\n"
    async with Store(target, SCHEMA) as store:
        with pytest.raises(StoreError):
            async with store.alone("run"):
                pass
        child.kill()
        await child.communicate()
        taken = [False]

        async def take() -> None:  # a server notices the end of a connection a little later
            while not taken[0]:
                try:
                    async with store.alone("run"):
                        taken[0] = True
                except StoreError:
                    await asyncio.sleep(0.01)

        await asyncio.gather(take(), until(lambda: taken[0]))


async def test_a_database_that_fails_is_said_in_a_sentence(target: str) -> None:
    async with Store(target, SCHEMA) as store:
        await put(store, "a")
        with pytest.raises(StoreError, match=r"The store .* failed: .*(UNIQUE|unique)") as caught:
            await put(store, "a")
        assert caught.value.__cause__ is None
        with pytest.raises(StoreError, match="failed"):
            async with store.reading() as connection:
                await connection.execute(text("SELECT nothing FROM nowhere"))


async def test_a_store_that_is_closed_is_said_to_be(target: str) -> None:
    store = Store(target, SCHEMA)
    with pytest.raises(StoreError, match="is not open"):
        await count(store)
    async with store:
        assert await count(store) == 0
    await store.close()
    with pytest.raises(StoreError, match="is not open"):
        await count(store)


class TestAFile:
    async def test_it_is_durable_and_may_be_read_meanwhile(self, tmp_path: Path) -> None:
        async with Store(tmp_path / "a.db", SCHEMA) as store, store.writing() as connection:
            values = [
                (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            ]
        assert values == ["wal", 2, 1]

    @pytest.mark.parametrize("create", [True, False])
    async def test_one_that_is_no_database_is_left_as_it_is(
        self, tmp_path: Path, create: bool
    ) -> None:
        path = tmp_path / "rows.csv"
        path.write_text("street,city\n" * 1000)
        with pytest.raises(StoreError, match=r"is not a database\. Name another file"):
            async with Store(path, SCHEMA, create=create):
                pass
        assert path.read_text() == "street,city\n" * 1000

    async def test_a_database_of_somebody_else_is_left_as_it_is(self, tmp_path: Path) -> None:
        path = tmp_path / "theirs.db"
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE customers (name TEXT)")
        db.close()
        before = path.read_bytes()
        with pytest.raises(StoreError, match=r"holds something else \(customers\). Name another"):
            async with Store(path, SCHEMA):
                pass
        assert path.read_bytes() == before

    async def test_a_directory_that_is_not_there_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="unable to open database file"):
            async with Store(tmp_path / "no" / "where.db", SCHEMA):
                pass


async def idleness(connection: AsyncConnection) -> float:
    """Seconds for which a server bears that a transaction is silent; 0 is any time."""
    ask = text(f"SELECT setting::float FROM pg_settings WHERE name = '{IDLENESS}'")  # noqa: S608 # ours
    found: float = (await connection.execute(ask)).scalar_one()
    return found / 1000


class TestAServer:
    async def test_one_that_cannot_be_reached_is_said_without_the_password(self) -> None:
        secret = "p-a-s-s"
        url = f"postgresql://me:{secret}@127.0.0.1:9/orders?connect_timeout=2&password={secret}"
        with pytest.raises(StoreError, match=r"me@127\.0\.0\.1:9/orders failed") as caught:
            async with Store(url, SCHEMA):
                pass
        assert secret not in str(caught.value)
        assert caught.value.__cause__ is None

    async def test_a_writer_who_falls_silent_holds_nothing_back_from_others(
        self, server_schema: str
    ) -> None:
        async def fall_silent(store: Store, other: Store) -> None:
            async with store.writing() as connection:
                assert await idleness(connection) == database._IDLE  # pyright: ignore[reportPrivateUsage] # what it is
                await connection.execute(insert(THINGS), [{"id": "a"}])
                await connection.execute(text(f"SET {IDLENESS} = 100"))  # it is over sooner
                await put(other, "a")

        async with Store(server_schema, SCHEMA) as silent, Store(server_schema, SCHEMA) as store:
            with pytest.raises(StoreError, match="What was written before is safe"):
                await fall_silent(silent, store)
            assert await count(silent) == 1

    async def test_a_reader_may_take_any_time(self, server_schema: str) -> None:
        async with Store(server_schema, SCHEMA) as store:
            async with store.reading() as connection:
                assert await idleness(connection) == 0
            async with store.writing() as connection:  # the same connection, as a rule
                assert await idleness(connection) > 0

    async def test_tables_live_beside_those_of_others(self, server_schema: str) -> None:
        metadata = MetaData()
        Table("customers", metadata, Column("id", Text, primary_key=True))
        async with Store(server_schema, Schema("customers", 1, metadata)):
            pass
        async with Store(server_schema, SCHEMA) as store:
            assert await count(store) == 0

    async def test_columns_say_there_what_they_are(self, server_schema: str) -> None:
        async with Store(server_schema, SCHEMA) as store, store.reading() as connection:
            ask = text("SELECT col_description('things'::regclass, 2)")
            assert (await connection.execute(ask)).scalar_one() == "How large it is, in bytes."


def test_a_schema_describes_its_tables() -> None:
    assert SCHEMA.describe() == (
        "things: Things, one row each.\n"
        "    id: What it is called.\n"
        "    size: How large it is, in bytes.\n"
        "    at: When it was made.\n"
        "    name: What its owner says of it."
    )


@pytest.mark.parametrize(
    ("package", "extra", "url"),
    [("psycopg", "postgres", "postgresql://h/d"), ("aiosqlite", "store", "a.db")],
)
async def test_a_package_that_is_missing_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, package: str, extra: str, url: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    wanted = f"the package '{package}', which is not installed.*cubicasa-async.{extra}."
    with pytest.raises(ConfigError, match=wanted):
        async with Store(url, SCHEMA):
            pass
