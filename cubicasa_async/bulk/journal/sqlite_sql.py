"""What the journal in a file says to SQLite."""

from __future__ import annotations

from typing import Final

APPLICATION: Final = 0x43754361  # "CuCa", marks the file as ours
VERSION: Final = 3

SCHEMA: Final = """
CREATE TABLE job (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE drafts (
    external_id TEXT PRIMARY KEY,
    line INTEGER NOT NULL,      -- where the row stood when last read, from 1
    body TEXT NOT NULL,         -- the request as JSON, as last read
    made TEXT,                  -- what it was when its draft was made, found or changed; '' if
                                -- that is not known, as while a change is under way
    state TEXT NOT NULL CHECK (state IN ('new', 'intent', 'unknown', 'created', 'there',
        'rejected', 'deleting', 'deleted')),    -- see State
    order_id TEXT,
    reason TEXT,                -- why it was rejected or is unknown
    sends INTEGER NOT NULL,     -- how often a request was about to leave
    sent_at REAL,               -- when one whose end is not known may have left last, Unix seconds
    run INTEGER NOT NULL,       -- the last run that claimed the row
    seen INTEGER NOT NULL,      -- the last run whose input named the row
    mark INTEGER NOT NULL       -- CRC-32 of external_id and body, by which damage is seen
) WITHOUT ROWID;
CREATE INDEX drafts_in_doubt ON drafts (external_id) WHERE state IN ('intent', 'unknown');
CREATE TABLE server_orders (    -- what the server listed when last looked at
    order_id TEXT PRIMARY KEY,
    external_id TEXT NOT NULL,
    look INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX server_orders_by_key ON server_orders (external_id);
"""
LOG_AHEAD: Final = "PRAGMA journal_mode = WAL"
SYNC_EACH_COMMIT: Final = "PRAGMA synchronous = FULL"
EMPTY_LOG: Final = "PRAGMA wal_checkpoint(TRUNCATE)"
APPLICATION_OF_FILE: Final = "PRAGMA application_id"
VERSION_OF_FILE: Final = "PRAGMA user_version"
ANY_TABLE: Final = "SELECT 1 FROM sqlite_master"
MAKE: Final = (
    f"BEGIN; {SCHEMA} PRAGMA application_id = {APPLICATION}; "
    f"PRAGMA user_version = {VERSION}; COMMIT;"
)
BEGIN: Final = "BEGIN IMMEDIATE"
FIND: Final = """
SELECT external_id, state, line, body, made, order_id, sends, run FROM drafts
WHERE external_id IN ({})
"""
ADD: Final = "INSERT INTO drafts VALUES {}"
NEW_ROW: Final = "(?, ?, ?, NULL, 'new', NULL, NULL, 0, NULL, ?, ?, ?)"
READ_AGAIN: Final = """
UPDATE drafts SET line = ?, body = ?, mark = ?, run = ?, seen = ? WHERE external_id = ?
"""
SEEN: Final = "UPDATE drafts SET seen = ? WHERE external_id = ?"
INTEND: Final = """
UPDATE drafts SET
    made = CASE WHEN state IN ('intent', 'unknown') AND made <> body THEN '' ELSE body END,
    state = 'intent', order_id = NULL, reason = NULL, sends = sends + 1, sent_at = ?
WHERE external_id IN (SELECT value FROM json_each(?))
"""
UNSENT: Final = """
UPDATE drafts SET state = ?, sends = sends - 1 WHERE external_id = ? AND state = 'intent'
"""
SETTLE: Final = """
UPDATE drafts SET
    state = ?1, order_id = coalesce(?2, order_id), reason = ?3,
    made = CASE WHEN ?4 THEN coalesce(made, body) WHEN ?5 THEN made END,
    sent_at = CASE WHEN ?5 THEN ?6 ELSE sent_at END
WHERE external_id = ?7
"""
SETTLE_CREATED: Final = """
UPDATE drafts SET
    state = 'created', order_id = coalesce(answered.value, order_id), reason = NULL,
    made = coalesce(made, body)
FROM json_each(?) AS answered WHERE external_id = answered.key
"""
INTEND_UPDATE: Final = "UPDATE drafts SET made = '' WHERE external_id = ?"
SETTLE_UPDATE: Final = "UPDATE drafts SET made = body WHERE external_id = ?"
INTEND_DELETE: Final = "UPDATE drafts SET state = 'deleting', sent_at = ? WHERE external_id = ?"
GONE: Final = "state IN ('created', 'deleting') AND order_id IS NOT NULL AND seen < ?"
COUNT_GONE: Final = f"SELECT count(*) FROM drafts WHERE {GONE}"  # noqa: S608 # of constants
LIST_GONE: Final = f"""
SELECT external_id, line, order_id FROM drafts WHERE {GONE}
AND external_id > ? ORDER BY external_id LIMIT ?
"""  # noqa: S608 # of constants
DOUBTS: Final = """
SELECT external_id, line, body, order_id, reason, sends FROM drafts
WHERE state IN ('intent', 'unknown') AND run = ? AND external_id > ?
ORDER BY external_id LIMIT ?
"""
LAST_DOUBT: Final = """
SELECT max(sent_at) FROM drafts WHERE state IN ('intent', 'unknown', 'deleting')
"""
LEFT_BY_A_CRASH: Final = """
UPDATE drafts SET sent_at = ? WHERE state IN ('intent', 'deleting')
"""
FORGET_ORDERS: Final = "DELETE FROM server_orders"
ORDERS: Final = """
SELECT external_id, order_id FROM server_orders WHERE external_id IN ({}) ORDER BY order_id
"""
SEEN_BEFORE: Final = "SELECT count(*) FROM server_orders WHERE look < ? AND order_id IN ({})"
NOTE_ORDER: Final = "INSERT OR IGNORE INTO server_orders VALUES (?, ?, ?)"
COUNTS: Final = "SELECT state, count(*) FROM drafts GROUP BY state"
JOB_VALUE: Final = "SELECT value FROM job WHERE name = ?"
SET_TARGET: Final = "INSERT INTO job VALUES ('target', ?)"
SET_RUN: Final = "INSERT OR REPLACE INTO job VALUES ('run', ?), ('began', ?)"
