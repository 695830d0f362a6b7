"""What each kind of fault does to a request and to its answer."""

from __future__ import annotations

from aiohttp import web

from cubicasa_async.sandbox.faults import Fault, Kind, Phase
from cubicasa_async.sandbox.ledger import Entry
from cubicasa_async.sandbox.wire import Connection, Payload, Silence, bomb

__all__ = ["spoil", "strike"]

_PAGE = "<!doctype html>\n<title>Sign in</title>\n<h1>Sign in</h1>\n"
_GARBAGE = b"\x16\x03\x01\x02\x00\x01\x00 this is not HTTP\r\n\r\n"


async def strike(fault: Fault, connection: Connection, entry: Entry) -> web.StreamResponse | None:
    """Strike while no answer has been given.

    Returns:
        What ends the request, or None if it goes on as if nothing had been.
    """
    payload = _replaced(fault)
    if payload is not None:
        entry.status = payload.status if connection.open else None
        if fault.phase is not Phase.BEFORE_READ:
            return payload.response()
        response = await connection.send(payload)
        await connection.discard()
        return response
    if fault.kind is Kind.DUPLICATE:
        return None
    if fault.kind is Kind.GARBAGE:
        connection.write(_GARBAGE)
    return await _end(fault, connection)


async def spoil(
    fault: Fault, connection: Connection, entry: Entry, payload: Payload
) -> web.StreamResponse:
    """Spoil the sending of an answer, or what comes after it."""
    if fault.phase is Phase.AFTER_BODY:
        entry.status = payload.status if connection.open else None
        response = await connection.send(payload)
        return await _end(fault, connection) or response
    head = payload.head()
    whole = head + payload.body
    if fault.phase is Phase.MID_HEADERS:
        cut = len(head) // 2
    else:
        cut = len(head) + len(payload.body) // 2
        entry.status = payload.status if connection.open else None
    if fault.kind is Kind.GARBAGE:
        connection.write(payload.head("Transfer-Encoding: chunked") + b"no size\r\n")
    elif fault.kind is Kind.DRIP:
        start = 0 if fault.phase is Phase.MID_HEADERS else len(head)
        connection.write(whole[:start])
        await connection.drip(whole[start:], fault.seconds or 0)
        entry.status = payload.status if connection.open else entry.status
    else:
        connection.write(whole[:cut])
        ended = await _end(fault, connection)
        if ended is not None:
            return ended
        entry.status = payload.status if connection.open else entry.status
        connection.write(whole[cut:])
    await connection.drop()
    return Silence()


async def _end(fault: Fault, connection: Connection) -> web.StreamResponse | None:
    if fault.kind is Kind.DELAY and await connection.wait(fault.seconds or 0):
        return None
    if fault.kind is Kind.STALL:
        await connection.wait_while_open(fault.seconds)
    if fault.kind is Kind.REFUSE:
        await connection.refuse(fault.seconds or 0)
    elif fault.kind is Kind.RESET:
        await connection.reset()
    else:
        await connection.drop()
    return Silence()


def _replaced(fault: Fault) -> Payload | None:
    headers = dict(fault.headers)
    if fault.retry_after is not None:
        headers["Retry-After"] = fault.retry_after
    if fault.location is not None:
        headers["Location"] = fault.location
    if fault.kind is Kind.BOMB:
        return Payload(200, bomb(fault.size), headers={"Content-Encoding": "gzip", **headers})
    if fault.kind is Kind.HTML:
        return Payload.of_html(200, fault.html or _PAGE, headers)
    if fault.kind is Kind.BODY:
        return Payload.of_json(200, fault.body, headers)
    if fault.kind in (Kind.STATUS, Kind.REDIRECT):
        if fault.html is not None:
            return Payload.of_html(fault.status, fault.html, headers)
        return Payload.of_json(
            fault.status, fault.body or {"message": f"Status {fault.status}."}, headers
        )
    return None
