"""The tables of an order mirror.

They are for people to query; times are UTC. In an SQLite file a time is a text such as
`2026-01-31 12:00:00.000000`, in PostgreSQL a `timestamptz`.

orders: All orders, one row each. An order that vanished keeps its row.
    id: The order's id, a uuid.
    status: Where it stands: New, Draft, Pending, Ready, Fixing, ...
    external_id: Your own identifier; null for orders of the app.
    created_at: When it was made.
    first_delivered_at: When it first became Ready; null until then.
    created_by: E-mail address of who made it.
    order_type: Kind of order, as the server calls it.
    is_scan_order: Whether it comes from a scan.
    package_type: What was ordered: base, plus, plus_3d, ...
    add_ons: What was ordered besides, with commas between.
    total_scanned_area: Scanned area; its unit is not documented.
    model_id: Identifier of the floor-plan model.
    add_info: Your note.
    location: The address on one line, as the order's head has it.
    street: Street; with the house number or without it.
    house_number: House number; null where the street holds it.
    suite: Unit within the building.
    city: City.
    state: State or region, as it was written.
    postal_code: Postal code, as it was written.
    country: Country.
    full_address: The address on one line.
    latitude: Degrees north.
    longitude: Degrees east.
    first_seen_at: When a run first saw it.
    changed_at: When this row was last written.
    details_at: When its details were last read; null if never.
    vanished_at: When a run found that the server has it no more.
    unlisted_at: When a run found that the server lists it no more, though it still answers it.
    failure: Why its details could not be read; null if they were.
    fingerprint: SHA-256 of its row in the server's list; null if its details are to be read.
    raw: The order as the server answered it, JSON.

assets: Delivered files, as they were when the order's details were last read.
    order_id: The order.
    number: Its place among them all, from 1.
    place: Where it stands in the order's answer.
    product: Its product, such as listing_floorplans.
    format: What it is: pdf, jpg, ...; link for a page to look at.
    floor: Its place among the files of one kind, from 1.
    dimensioned: Whether it shows dimensions.
    name: A file name for it.
    url: Where it was when read; it may expire.

history: What became of each order, one row for each change of status that was seen.
    entry: Number of the entry; a later one is larger.
    order_id: The order.
    event: first seen, moved, vanished or came back.
    status: Its status since then.
    previous_status: Its status before, as far as the mirror saw it.
    happened_at: When it happened by the server's own times; null where it has none for that.
    seen_at: When a run saw it.
    run: Which run that was.

runs: The runs of the mirror, one row each.
    run: Its number, from 1.
    started_at: When it began.
    ended_at: When it ended; null if it was cut off or still runs.
    complete: Whether it saw all orders, with proof, and looked for those that vanished.
    listed: How many orders it found in the list.
    details: How many orders' details it asked for.
    failed: How many of those could not be read.

listed: For the mirror itself: what the last run found in the list.
    order_id: An order.
    fingerprint: Of its row when listed last.

mirror: For the mirror itself: one row.
    target: Base URL of the API that it mirrors.
    run: Number of the last run.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

from cubicasa_async.store import AnyText, Moment, Schema

METADATA: Final = MetaData()

ORDERS: Final = Table(
    "orders",
    METADATA,
    Column("id", Text, primary_key=True, comment="The order's id, a uuid."),
    Column("status", AnyText, comment="Where it stands: New, Draft, Pending, Ready, Fixing, ..."),
    Column("external_id", AnyText, comment="Your own identifier; null for orders of the app."),
    Column("created_at", Moment, comment="When it was made."),
    Column("first_delivered_at", Moment, comment="When it first became Ready; null until then."),
    Column("created_by", AnyText, comment="E-mail address of who made it."),
    Column("order_type", AnyText, comment="Kind of order, as the server calls it."),
    Column("is_scan_order", Boolean, comment="Whether it comes from a scan."),
    Column("package_type", AnyText, comment="What was ordered: base, plus, plus_3d, ..."),
    Column("add_ons", AnyText, comment="What was ordered besides, with commas between."),
    Column("total_scanned_area", Double, comment="Scanned area; its unit is not documented."),
    Column("model_id", AnyText, comment="Identifier of the floor-plan model."),
    Column("add_info", AnyText, comment="Your note."),
    Column("location", AnyText, comment="The address on one line, as the order's head has it."),
    Column("street", AnyText, comment="Street; with the house number or without it."),
    Column("house_number", AnyText, comment="House number; null where the street holds it."),
    Column("suite", AnyText, comment="Unit within the building."),
    Column("city", AnyText, comment="City."),
    Column("state", AnyText, comment="State or region, as it was written."),
    Column("postal_code", AnyText, comment="Postal code, as it was written."),
    Column("country", AnyText, comment="Country."),
    Column("full_address", AnyText, comment="The address on one line."),
    Column("latitude", Double, comment="Degrees north."),
    Column("longitude", Double, comment="Degrees east."),
    Column("first_seen_at", Moment, nullable=False, comment="When a run first saw it."),
    Column("changed_at", Moment, nullable=False, comment="When this row was last written."),
    Column("details_at", Moment, comment="When its details were last read; null if never."),
    Column("vanished_at", Moment, comment="When a run found that the server has it no more."),
    Column(
        "unlisted_at",
        Moment,
        comment="When a run found that the server lists it no more, though it still answers it.",
    ),
    Column("failure", AnyText, comment="Why its details could not be read; null if they were."),
    Column(
        "fingerprint",
        Text,
        comment="SHA-256 of its row in the server's list; null if its details are to be read.",
    ),
    Column("raw", AnyText, nullable=False, comment="The order as the server answered it, JSON."),
    Index("orders_by_external_id", "external_id"),
    Index("orders_by_status", "status"),
    comment="All orders, one row each. An order that vanished keeps its row.",
)

ASSETS: Final = Table(
    "assets",
    METADATA,
    Column("order_id", Text, ForeignKey(ORDERS.c.id), primary_key=True, comment="The order."),
    Column("number", Integer, primary_key=True, comment="Its place among them all, from 1."),
    Column("place", AnyText, nullable=False, comment="Where it stands in the order's answer."),
    Column("product", AnyText, nullable=False, comment="Its product, such as listing_floorplans."),
    Column("format", AnyText, comment="What it is: pdf, jpg, ...; link for a page to look at."),
    Column("floor", Integer, comment="Its place among the files of one kind, from 1."),
    Column("dimensioned", Boolean, nullable=False, comment="Whether it shows dimensions."),
    Column("name", AnyText, nullable=False, comment="A file name for it."),
    Column("url", AnyText, nullable=False, comment="Where it was when read; it may expire."),
    comment="Delivered files, as they were when the order's details were last read.",
)

HISTORY: Final = Table(
    "history",
    METADATA,
    Column(
        "entry",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
        comment="Number of the entry; a later one is larger.",
    ),
    Column(
        "order_id", Text, ForeignKey(ORDERS.c.id), nullable=False, index=True, comment="The order."
    ),
    Column("event", Text, nullable=False, comment="first seen, moved, vanished or came back."),
    Column("status", AnyText, comment="Its status since then."),
    Column("previous_status", AnyText, comment="Its status before, as far as the mirror saw it."),
    Column(
        "happened_at",
        Moment,
        comment="When it happened by the server's own times; null where it has none for that.",
    ),
    Column("seen_at", Moment, nullable=False, comment="When a run saw it."),
    Column("run", Integer, nullable=False, comment="Which run that was."),
    comment="What became of each order, one row for each change of status that was seen.",
)

RUNS: Final = Table(
    "runs",
    METADATA,
    Column("run", Integer, primary_key=True, autoincrement=False, comment="Its number, from 1."),
    Column("started_at", Moment, nullable=False, comment="When it began."),
    Column("ended_at", Moment, comment="When it ended; null if it was cut off or still runs."),
    Column(
        "complete",
        Boolean,
        nullable=False,
        comment="Whether it saw all orders, with proof, and looked for those that vanished.",
    ),
    Column("listed", Integer, nullable=False, comment="How many orders it found in the list."),
    Column("details", Integer, nullable=False, comment="How many orders' details it asked for."),
    Column("failed", Integer, nullable=False, comment="How many of those could not be read."),
    comment="The runs of the mirror, one row each.",
)

LISTED: Final = Table(
    "listed",
    METADATA,
    Column("order_id", Text, primary_key=True, comment="An order."),
    Column("fingerprint", Text, nullable=False, comment="Of its row when listed last."),
    comment="For the mirror itself: what the last run found in the list.",
)

MIRROR: Final = Table(
    "mirror",
    METADATA,
    Column("target", Text, primary_key=True, comment="Base URL of the API that it mirrors."),
    Column("run", Integer, nullable=False, comment="Number of the last run."),
    comment="For the mirror itself: one row.",
)

SCHEMA: Final = Schema("order mirror", 1, METADATA)
