"""What a server of bare bytes does to a connection."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.server import Line, Script


def saying(
    data: bytes | Callable[[Line], bytes], *, stays: bool = True, done: bool = True
) -> Script:
    """Read a request and say something, again and again; or once, and hang up."""

    async def script(line: Line) -> None:
        while True:
            await line.request(done=done)
            await line.say(data if isinstance(data, bytes) else data(line))
            if not stays:
                return

    return script


async def hang_up(line: Line) -> None:
    del line


async def reset(line: Line) -> None:
    line.reset()


async def reset_at_once(line: Line) -> None:
    await line.part(1)
    line.reset()


async def hang_up_within(line: Line) -> None:
    await line.part(60)


async def reset_within(line: Line) -> None:
    await line.part(60)
    line.reset()


async def alert(line: Line) -> None:
    await line.part(60)
    await line.say(b"\x15\x03\x03\x00\x02\x02\x28")  # handshake_failure


async def speak_plainly(line: Line) -> None:
    await line.part(60)
    await line.say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


async def say_nothing(line: Line) -> None:
    await line.stall()


async def answer_well(line: Line) -> None:
    while True:
        await line.request(done=True)
        await line.say(line.good.head() + line.good.body)


async def answer_one_and_hang_up(line: Line) -> None:
    await line.request(done=True)
    await line.say(line.good.head() + line.good.body)
    await line.part_in_order()


async def answer_only_the_first(line: Line) -> None:
    while True:
        if line.number > 1 or line.answered:
            await line.part(60)
            return
        await line.request(done=True)
        await line.say(line.good.head() + line.good.body)


async def refuse_the_tunnel(line: Line) -> None:
    await line.part(60)
    await line.say(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


def half_body(line: Line) -> bytes:
    return line.good.head() + line.good.body[: len(line.good.body) // 2]


def half_body_of_no_length(line: Line) -> bytes:
    head = line.good.head("Connection: close")
    return head + line.good.body[: len(line.good.body) // 2]


def cut_chunks(line: Line) -> bytes:
    half = line.good.body[: len(line.good.body) // 2]
    return line.good.head("Transfer-Encoding: chunked") + b"%x\r\n%s\r\n" % (len(half), half)


def with_encoding(body: bytes, encoding: str = "gzip") -> Script:
    def answer(line: Line) -> bytes:
        framing = f"Content-Encoding: {encoding}\r\nContent-Length: {len(body)}"
        return line.good.head(framing) + body

    return saying(answer)


def framed(body: bytes, kind: str = "application/json", status: str = "200 OK") -> Script:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return saying(head.encode() + body)


async def endless(line: Line) -> None:
    await line.request(done=True)
    await line.say(line.good.head("Transfer-Encoding: chunked"))
    while True:
        await line.say(b"10000\r\n" + b" " * 65536 + b"\r\n")


async def hold_the_one_aside(line: Line) -> None:
    await line.request(done=True)
    await line.stall()
