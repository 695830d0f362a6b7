"""What the PostgreSQL journal says to its server.

A row belongs to the worker that `owner` names. A worker whose lease has run out is deleted by any
other one, by which its rows belong to nobody; the database refuses what it writes after that.
"""

from __future__ import annotations

from typing import Final

from cubicasa_async.core.postgres import IDLENESS

VERSION: Final = 1
LOCK: Final = 0x43754361
"""The advisory lock under which the tables are made."""

SCHEMA: Final = """
CREATE TABLE cubicasa_journal (version integer NOT NULL);
CREATE TABLE cubicasa_jobs (
    job bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    target text NOT NULL,
    began timestamptz NOT NULL          -- the last run
);
CREATE TABLE cubicasa_workers (         -- those at work; one that ends is deleted
    worker bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job bigint NOT NULL REFERENCES cubicasa_jobs ON DELETE CASCADE,
    began timestamptz NOT NULL,
    lease_until timestamptz NOT NULL
);
CREATE TABLE cubicasa_drafts (
    job bigint NOT NULL REFERENCES cubicasa_jobs ON DELETE CASCADE,
    external_id text COLLATE "C" NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,    -- the order in which rows are taken
    line bigint NOT NULL,               -- where the row stood when last read, from 1
    body text NOT NULL,                 -- the request as JSON, as last read
    digest text NOT NULL,               -- SHA-256 of that
    made text,                          -- the digest that its draft was made or found with;
                                        -- '' if it may be of several
    state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'intent', 'unknown', 'created',
        'there', 'rejected', 'deleting', 'deleted')),
    order_id text,
    late text[] NOT NULL DEFAULT '{}',  -- orders answered to workers that had lost the row
    reason text,                        -- why it was rejected or is unknown
    sends integer NOT NULL DEFAULT 0,   -- how often a request was about to leave
    sent_at timestamptz,                -- when one of unknown end may have left last
    settled_at timestamptz,
    settled_by bigint,                  -- a worker
    given_up timestamptz,               -- when a worker ended its search for the row's draft
    owner bigint REFERENCES cubicasa_workers ON DELETE SET NULL,
    PRIMARY KEY (job, external_id)
);
CREATE INDEX cubicasa_drafts_new ON cubicasa_drafts (job, seq) WHERE state = 'new';
CREATE INDEX cubicasa_drafts_in_doubt ON cubicasa_drafts (job, external_id)
    WHERE state IN ('intent', 'unknown');
CREATE INDEX cubicasa_drafts_owned ON cubicasa_drafts (owner) WHERE owner IS NOT NULL;
CREATE TABLE cubicasa_readings (        -- the rows that a worker was given
    worker bigint NOT NULL REFERENCES cubicasa_workers ON DELETE CASCADE,
    external_id text COLLATE "C" NOT NULL,
    line bigint NOT NULL,
    digest text NOT NULL,
    cells text NOT NULL,
    told boolean NOT NULL,              -- whether it reported what became of it
    PRIMARY KEY (worker, external_id)
);
CREATE INDEX cubicasa_readings_untold ON cubicasa_readings (worker, external_id) WHERE NOT told;
CREATE TABLE cubicasa_server_orders (   -- what a worker saw when it looked at the server
    worker bigint NOT NULL REFERENCES cubicasa_workers ON DELETE CASCADE,
    order_id text NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    look integer NOT NULL,
    PRIMARY KEY (worker, order_id)
);
CREATE INDEX cubicasa_server_orders_by_key ON cubicasa_server_orders (worker, external_id);
"""
BE_DURABLE: Final = """
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') = 'off'
"""
LIMIT_IDLENESS: Final = f"SELECT set_config('{IDLENESS}', %s, false)"
LOCK_TABLES: Final = "SELECT pg_advisory_xact_lock(%s)"
HAS_TABLES: Final = "SELECT to_regclass('cubicasa_journal') IS NOT NULL"
GET_VERSION: Final = "SELECT version FROM cubicasa_journal"
SET_VERSION: Final = "INSERT INTO cubicasa_journal VALUES (%s)"

JOB: Final = """
INSERT INTO cubicasa_jobs (name, target, began) VALUES (%(name)s, %(target)s, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET began = excluded.began WHERE cubicasa_jobs.target = excluded.target
RETURNING job
"""
TARGET: Final = "SELECT target FROM cubicasa_jobs WHERE name = %(name)s"
JOIN: Final = """
INSERT INTO cubicasa_workers (job, began, lease_until)
VALUES (%(job)s, clock_timestamp(), clock_timestamp() + make_interval(secs => %(lease)s))
RETURNING worker
"""
RENEW: Final = """
UPDATE cubicasa_workers SET lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE worker = %(me)s
"""
LEAVE: Final = "DELETE FROM cubicasa_workers WHERE worker = %(me)s"
BURY: Final = """
DELETE FROM cubicasa_workers WHERE worker IN (
    SELECT worker FROM cubicasa_workers WHERE job = %(job)s AND lease_until < clock_timestamp()
    FOR UPDATE SKIP LOCKED
)
"""
READ: Final = """
INSERT INTO cubicasa_readings (worker, external_id, line, digest, cells, told)
SELECT %(me)s, r.external_id, r.line, r.digest, r.cells,
    coalesce(d.settled_by = %(me)s AND d.state IN ('created', 'there', 'rejected'), false)
FROM unnest(%(keys)s::text[], %(lines)s::bigint[], %(digests)s::text[], %(cells)s::text[])
    AS r(external_id, line, digest, cells)
LEFT JOIN cubicasa_drafts d ON d.job = %(job)s AND d.external_id = r.external_id
ON CONFLICT DO NOTHING RETURNING external_id
"""
READ_BEFORE: Final = """
SELECT external_id, line, digest FROM cubicasa_readings
WHERE worker = %(me)s AND external_id = ANY(%(keys)s)
"""
ADD: Final = """
INSERT INTO cubicasa_drafts (job, external_id, line, body, digest)
SELECT %(job)s, r.external_id, r.line, r.body, r.digest
FROM unnest(%(keys)s::text[], %(lines)s::bigint[], %(bodies)s::text[], %(digests)s::text[])
    AS r(external_id, line, body, digest)
ORDER BY r.external_id COLLATE "C"      -- two workers that add the same rows do not deadlock
ON CONFLICT DO NOTHING
"""
REVISE: Final = """
UPDATE cubicasa_drafts d SET
    line = n.line, body = n.body, digest = n.digest,
    state = CASE WHEN d.state IN ('rejected', 'deleted') THEN 'new' ELSE d.state END
FROM (
    SELECT d.external_id, r.line, r.body, r.digest
    FROM unnest(%(keys)s::text[], %(lines)s::bigint[], %(bodies)s::text[], %(digests)s::text[])
        AS r(external_id, line, body, digest)
    JOIN cubicasa_drafts d ON d.job = %(job)s AND d.external_id = r.external_id
    WHERE d.owner IS NULL AND d.state NOT IN ('created', 'there') AND (
        d.digest <> r.digest
        OR d.state IN ('rejected', 'deleted') AND d.settled_at < (
            SELECT began FROM cubicasa_workers WHERE worker = %(me)s
        )
    )
    FOR UPDATE OF d SKIP LOCKED
) n
WHERE d.job = %(job)s AND d.external_id = n.external_id
"""
TAKE: Final = """
WITH free AS (
    SELECT external_id FROM cubicasa_drafts
    WHERE job = %(job)s AND state = 'new' AND owner IS NULL
    ORDER BY seq LIMIT %(count)s FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE cubicasa_drafts d SET owner = %(me)s FROM free
    WHERE d.job = %(job)s AND d.external_id = free.external_id
    RETURNING d.*
)
SELECT d.external_id, coalesce(r.line, d.line), d.body, coalesce(r.cells, ''), d.order_id, d.sends
FROM taken d
LEFT JOIN cubicasa_readings r ON r.worker = %(me)s AND r.external_id = d.external_id
ORDER BY d.seq
"""
INTEND: Final = """
UPDATE cubicasa_drafts SET
    made = CASE WHEN state IN ('intent', 'unknown') AND made <> digest THEN '' ELSE digest END,
    state = 'intent', order_id = NULL, reason = NULL, given_up = NULL, sends = sends + 1,
    sent_at = clock_timestamp()
WHERE job = %(job)s AND external_id = ANY(%(keys)s) AND owner = %(me)s
"""
UNSENT: Final = """
UPDATE cubicasa_drafts SET state = %(state)s, sends = sends - 1
WHERE job = %(job)s AND external_id = ANY(%(keys)s) AND owner = %(me)s AND state = 'intent'
"""
_SETTLED: Final = """
FROM unnest(%(keys)s::text[], %(states)s::text[], %(orders)s::text[], %(reasons)s::text[])
    AS s(external_id, state, order_id, reason)
WHERE d.job = %(job)s AND d.external_id = s.external_id
"""
SETTLE: Final = f"""
UPDATE cubicasa_drafts d SET
    state = s.state, order_id = coalesce(s.order_id, d.order_id), reason = s.reason,
    made = CASE
        WHEN s.state IN ('created', 'there') THEN coalesce(d.made, d.digest)
        WHEN s.state IN ('intent', 'unknown') THEN d.made
    END,
    sent_at = CASE WHEN s.state IN ('intent', 'unknown') THEN clock_timestamp() ELSE d.sent_at END,
    settled_at = clock_timestamp(), settled_by = %(me)s,
    owner = CASE WHEN s.state = 'unknown' THEN d.owner END
{_SETTLED} AND d.owner = %(me)s
RETURNING d.external_id, d.state = 'created' AND NOT d.late <@ ARRAY[d.order_id]
"""  # noqa: S608 # of constants
CONTEST: Final = f"""
UPDATE cubicasa_drafts d SET
    late = CASE WHEN s.order_id IS NULL OR s.order_id = ANY(d.late) THEN d.late
        ELSE d.late || s.order_id END,
    sent_at = clock_timestamp(),
    state = CASE WHEN d.state IN ('intent', 'unknown') THEN d.state ELSE 'unknown' END,
    reason = CASE WHEN d.state = 'intent' THEN d.reason ELSE %(reason)s END,
    given_up = CASE WHEN d.state IN ('intent', 'unknown') THEN d.given_up
        ELSE clock_timestamp() END
{_SETTLED} AND s.state NOT IN ('new', 'rejected')
    AND (d.state IN ('intent', 'unknown') OR s.order_id IS DISTINCT FROM d.order_id)
RETURNING d.external_id
"""  # noqa: S608 # of constants
SPOIL: Final = """
UPDATE cubicasa_drafts SET state = 'unknown', reason = %(reason)s, given_up = clock_timestamp()
WHERE job = %(job)s AND external_id = ANY(%(keys)s)
"""
TELL: Final = """
UPDATE cubicasa_readings SET told = true WHERE worker = %(me)s AND external_id = ANY(%(keys)s)
"""
HOLD_DOUBTS: Final = """
UPDATE cubicasa_drafts d SET
    owner = %(me)s,
    -- Whoever had it may have sent its request at any time until it lost the row.
    sent_at = CASE WHEN d.state = 'intent' THEN clock_timestamp() ELSE d.sent_at END
FROM (
    SELECT external_id FROM cubicasa_drafts
    WHERE job = %(job)s AND state IN ('intent', 'unknown') AND owner IS NULL AND (
        given_up IS NULL
        OR given_up < (SELECT began FROM cubicasa_workers WHERE worker = %(me)s)
    )
    ORDER BY external_id LIMIT %(count)s FOR UPDATE SKIP LOCKED
) free
WHERE d.job = %(job)s AND d.external_id = free.external_id
"""
DOUBTS: Final = """
SELECT d.external_id, coalesce(r.line, d.line), d.body, d.order_id, coalesce(d.reason, ''), d.sends
FROM cubicasa_drafts d
LEFT JOIN cubicasa_readings r ON r.worker = %(me)s AND r.external_id = d.external_id
WHERE d.job = %(job)s AND d.owner = %(me)s AND d.state IN ('intent', 'unknown')
    AND d.external_id > %(after)s
ORDER BY d.external_id LIMIT %(count)s
"""
GIVE_UP: Final = """
WITH given AS (
    UPDATE cubicasa_drafts SET state = 'unknown', owner = NULL, given_up = clock_timestamp()
    WHERE job = %(job)s AND owner = %(me)s AND state IN ('intent', 'unknown')
    RETURNING external_id
)
UPDATE cubicasa_readings r SET told = true FROM given
WHERE r.worker = %(me)s AND r.external_id = given.external_id
"""
DOUBT_AGE: Final = """
SELECT extract(epoch FROM clock_timestamp() - max(sent_at))::float8 FROM cubicasa_drafts
WHERE job = %(job)s AND owner = %(me)s AND state IN ('intent', 'unknown')
"""
UNTOLD: Final = """
SELECT r.external_id, r.line, r.cells, d.state, d.order_id,
    coalesce(d.made, d.digest) <> r.digest, d.reason, d.sends,
    d.settled_at > w.began - interval '1 minute',
    d.state IN ('created', 'there', 'rejected')
        OR d.state = 'unknown' AND d.owner IS NULL AND d.given_up >= w.began
FROM cubicasa_readings r
JOIN cubicasa_workers w ON w.worker = r.worker
JOIN cubicasa_drafts d ON d.job = %(job)s AND d.external_id = r.external_id
WHERE r.worker = %(me)s AND NOT r.told AND r.external_id > %(after)s
ORDER BY r.external_id LIMIT %(count)s
"""
OPEN: Final = """
SELECT EXISTS (SELECT FROM cubicasa_drafts WHERE job = %(job)s AND state = 'new')
    OR EXISTS (
        SELECT FROM cubicasa_drafts d JOIN cubicasa_workers w ON w.worker = %(me)s
        WHERE d.job = %(job)s AND d.state IN ('intent', 'unknown')
            AND (d.owner IS NOT NULL OR d.given_up IS NULL OR d.given_up < w.began)
    )
"""
HELD_BY_OTHERS: Final = """
SELECT extract(epoch FROM min(w.lease_until) - clock_timestamp())::float8 FROM cubicasa_workers w
WHERE w.job = %(job)s AND w.worker <> %(me)s
    AND EXISTS (SELECT FROM cubicasa_drafts d WHERE d.owner = w.worker)
"""
FORGET_ORDERS: Final = "DELETE FROM cubicasa_server_orders WHERE worker = %(me)s"
ORDERS: Final = """
SELECT external_id, order_id FROM cubicasa_server_orders
WHERE worker = %(me)s AND external_id = ANY(%(keys)s) ORDER BY order_id
"""
SEEN_BEFORE: Final = """
SELECT count(*) FROM cubicasa_server_orders
WHERE worker = %(me)s AND order_id = ANY(%(ids)s) AND look < %(look)s
"""
NOTE_ORDERS: Final = """
INSERT INTO cubicasa_server_orders (worker, order_id, external_id, look)
SELECT %(me)s, n.order_id, n.external_id, %(look)s
FROM unnest(%(ids)s::text[], %(keys)s::text[]) AS n(order_id, external_id)
ON CONFLICT DO NOTHING
"""
COUNTS: Final = """
SELECT state, count(*) FROM cubicasa_drafts WHERE job = %(job)s GROUP BY state
"""
