"""What curl does, for the lines that the console offers."""

from __future__ import annotations

import shlex

import aiohttp


async def run_curl(line: str) -> bytes:
    """Do what curl would do, read as a shell reads it."""
    words = iter(shlex.split(line)[1:])
    method, headers, body, url = "GET", dict[str, str](), None, ""
    for word in words:
        match word:
            case "-X":
                method = next(words)
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "-d":
                body = next(words)
            case _:
                url = word
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers=headers, data=body) as response,
    ):
        assert response.status == 200, await response.text()
        return await response.read()
