"""One open database: transactions, and the exclusive right to a job."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

from filelock import FileLock, Timeout
from sqlalchemy import TextClause, event, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from cubicasa_async.core.extras import from_extra
from cubicasa_async.core.file_identity import Identity, identity_of
from cubicasa_async.core.postgres import IDLENESS, KEEPALIVES
from cubicasa_async.errors import StoreError
from cubicasa_async.store.place import Place
from cubicasa_async.store.schema import Schema

_BUSY: Final = 30.0
"""Seconds that a writer of a file waits for another one."""

_IDLE: Final = 60.0
"""Seconds after which a server undoes what is written by somebody who has fallen silent."""

_PAUSE: Final = 0.01
"""Seconds between two tries of what does not wait by itself."""

_MAKING_TABLES: Final = 0x43754361
"""PostgreSQL's advisory lock under which tables are made."""


class Store:
    """A database with the tables of one schema, open for use by one event loop.

    Use `async with`. Several schemas may share a database, and several processes a store.

    Args:
        target: A file, made if it does not exist, or a URL `sqlite:///...` or `postgresql://...`.
        schema: The tables.
        create: Whether the tables are made if they are not there.

    Raises:
        ConfigError: The target is of a kind that is not supported, or an extra is not installed.
        StoreError: On entering: the database cannot be opened, or holds something else.
    """

    def __init__(self, target: str | Path, schema: Schema, *, create: bool = True) -> None:
        self.place: Place = Place.of(target)
        self._schema = schema
        self._create = create
        self._engine: AsyncEngine | None = None
        self._file: Identity | None = None

    @property
    def name(self) -> str:
        """The database as people are told, without a password."""
        return self.place.name

    async def __aenter__(self) -> Self:
        path = self.place.path
        if path is not None and not self._create and not path.exists():
            raise StoreError(f"There is no {self._schema.name} at {self.name}.")
        self._engine = self._connect()
        try:
            if path is not None:
                await self._try(path)
                self._file = identity_of(path)
            await self._prepare()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; a second time does nothing."""
        if self._engine is not None:
            engine, self._engine = self._engine, None
            await engine.dispose()

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction that writes: durable when it ends, undone if it raises.

        In a file there is one at a time; others wait for it.

        Raises:
            StoreError: The database failed; nothing of it was written. Or its file was taken away;
                what was written is lost.
        """
        with self._explaining():
            async with self._open_engine().begin() as connection:
                yield connection
        self._require_file()

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction that only reads, and sees one state of the database throughout.

        Raises:
            StoreError: The database failed.
        """
        with self._explaining():
            async with self._open_engine().connect() as connection:
                await connection.execution_options(**_reading_options(connection))
                if self.place.path is None:  # whoever is read to may take any time
                    await connection.execute(text(f"SET LOCAL {IDLENESS} = 0"))
                yield connection

    @asynccontextmanager
    async def alone(self, what: str) -> AsyncGenerator[None]:
        """The exclusive right to do something with this database, given back at the end.

        It ends with the process, however that ends. A PostgreSQL server gives it away as well when
        the connection to it breaks, so what must not be done twice is guarded in its transactions.

        Args:
            what: What it is, as people are told: "mirror run".

        Raises:
            StoreError: Another one has it.
        """
        lock = self._alone_by_file() if self.place.path else self._alone_by_server(what)
        taken = f"Another {what} is at work on {self.name}. Wait for it, or name another database."
        async with lock as free:
            if not free:
                raise StoreError(taken)
            yield

    @asynccontextmanager
    async def _alone_by_file(self) -> AsyncGenerator[bool]:
        lock = FileLock(f"{self.place.path}.lock", timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        except OSError as exc:
            raise StoreError(f"{self.name} cannot be locked: {exc}.") from None
        try:
            yield True
        finally:
            lock.release()

    @asynccontextmanager
    async def _alone_by_server(self, what: str) -> AsyncGenerator[bool]:
        number = "hashtextextended(current_schema() || :name, 0)"
        named = {"name": f"/{what} of {self._schema.name}"}
        with self._explaining():
            async with self._open_engine().connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                take = text(f"SELECT pg_try_advisory_lock({number})")
                free = (await connection.execute(take, named)).scalar()
                try:
                    yield bool(free)
                finally:
                    if free:
                        await _unlock(
                            connection, text(f"SELECT pg_advisory_unlock({number})"), named
                        )

    def _connect(self) -> AsyncEngine:
        if self.place.path is None:
            with from_extra("postgres", "A store in PostgreSQL"):
                url = self.place.url
                url = url.set(query={**KEEPALIVES, **url.query})
                engine = create_async_engine(url, pool_pre_ping=True)
            event.listen(engine.sync_engine, "connect", _set_up_server)
            return engine
        with from_extra("store", "A store"):
            engine = create_async_engine(self.place.url, connect_args={"timeout": _BUSY})
        event.listen(engine.sync_engine, "connect", _set_up_file)
        event.listen(engine.sync_engine, "begin", _begin_in_file)
        return engine

    async def _try(self, path: Path) -> None:
        """Open the file once in a plain way: where that fails, aiosqlite leaves a thread behind."""
        try:
            await asyncio.to_thread(lambda: sqlite3.connect(path).close())
        except sqlite3.Error as exc:
            raise self._explained(exc) from None

    async def _prepare(self) -> None:
        schema, name = self._schema, self.name
        transaction = self.writing() if self._create else self.reading()
        async with transaction as connection:
            if self._create and self.place.path is None:
                lock = text("SELECT pg_advisory_xact_lock(:number)")
                await connection.execute(lock, {"number": _MAKING_TABLES})
            await connection.run_sync(schema.prepare, name, create=self._create)
        if self._create and self.place.path is not None:
            await self._keep_log()  # the file is ours by now

    async def _keep_log(self) -> None:
        """Let the file have a write-ahead log, by which readers and a writer do not wait."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + _BUSY
        with self._explaining():
            async with self._open_engine().connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                while True:
                    try:
                        await connection.execute(text("PRAGMA journal_mode = WAL"))
                    except OperationalError:  # unlike others, this statement never waits
                        if loop.time() > latest:
                            raise
                        await asyncio.sleep(_PAUSE)
                    else:
                        return

    def _open_engine(self) -> AsyncEngine:
        if self._engine is None:
            raise StoreError(f"The store {self.name} is not open.")
        self._require_file()  # a new connection would make another one
        return self._engine

    def _require_file(self) -> None:
        path = self.place.path
        if path is not None and identity_of(path) != self._file:
            raise StoreError(
                f"{self.name} was removed or replaced while it was in use, and what was written "
                "since is lost. Put it back if it was moved, and start again."
            )

    @contextmanager
    def _explaining(self) -> Generator[None]:
        try:
            yield
        except SQLAlchemyError as exc:
            raise self._explained(exc) from None

    def _explained(self, exc: Exception) -> StoreError:
        cause: object = exc.orig if isinstance(exc, DBAPIError) else exc
        reason = " ".join(str(cause).split())
        for secret in self.place.secrets():
            reason = reason.replace(secret, "***")
        if "file is not a database" in reason:
            return StoreError(f"{self.name} is not a database. Name another file.")
        return StoreError(
            f"The store {self.name} failed: {reason.rstrip('.')}. What was written before is safe; "
            "see to the database and run it again."
        )


async def _unlock(connection: AsyncConnection, give: TextClause, named: dict[str, str]) -> None:
    try:
        with suppress(DBAPIError):  # if the connection broke, the lock has gone with it
            await connection.execute(give, named)
    except BaseException:  # in a pool, the connection would keep the lock
        await connection.invalidate()
        raise


def _reading_options(connection: AsyncConnection) -> dict[str, Any]:
    if connection.dialect.name == "postgresql":
        return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    return {"cubicasa_reading": True}


def _set_up_server(connection: Any, _: object) -> None:
    connection.execute(f"SET {IDLENESS} = {_IDLE * 1000:.0f}")
    connection.commit()


def _set_up_file(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin where _begin_in_file says, not by guess
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_in_file(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("isolation_level") == "AUTOCOMMIT":
        return
    # A writer that begins by reading could find that another has written meanwhile.
    reading = options.get("cubicasa_reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
