"""A headless Chromium, driven by its own remote debugging: nothing to install beside it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import aiohttp
import attrs

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--window-size=1280,1000",
    "--remote-debugging-port=0",
)

LOOK = "document.dispatchEvent(new Event('visibilitychange'))"
"""Makes the page ask for what is new."""


def chromium() -> str | None:
    """Where it is; `CHROMIUM` names another than those of the PATH. Not looked for on Windows."""
    if os.name == "nt":
        return None
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class PageError(AssertionError):
    """The page threw, or something that was expected of it did not come about."""


@attrs.define(eq=False)
class Page:
    """One page, and all that it complained of."""

    socket: aiohttp.ClientWebSocketResponse
    complaints: list[str] = attrs.field(factory=list[str])
    requested: list[str] = attrs.field(factory=list[str])
    _numbers: itertools.count[int] = attrs.field(factory=lambda: itertools.count(1))
    _waiting: dict[int, asyncio.Future[Any]] = attrs.field(factory=dict[int, "asyncio.Future[Any]"])

    async def send(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        answered = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"id": number, "method": method, "params": params})
        return await answered

    async def listen(self) -> None:
        async for message in self.socket:
            told = json.loads(message.data)
            waiting = self._waiting.pop(told.get("id", 0), None)
            if waiting is not None:
                if "error" in told:
                    waiting.set_exception(PageError(str(told["error"])))
                else:
                    waiting.set_result(told["result"])
                continue
            params = told.get("params", {})
            match told.get("method"):
                case "Runtime.exceptionThrown":
                    self.complaints.append(str(params["exceptionDetails"]))
                case "Log.entryAdded":
                    self.complaints.append(
                        f"{params['entry']['text']} {params['entry'].get('url')}"
                    )
                case "Network.requestWillBeSent":
                    self.requested.append(params["request"]["url"])
                case _:
                    continue

    async def go(self, url: str) -> None:
        await self.send("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def run(self, script: str) -> Any:
        """The value of an expression, awaited."""
        found = await self.send(
            "Runtime.evaluate",
            expression=script,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if "exceptionDetails" in found:
            raise PageError(f"{script}: {found['exceptionDetails']}")
        return found["result"].get("value")

    async def until(self, script: str, *, patiently: bool = False) -> Any:
        """Wait, in the page, until an expression is true, and answer its value.

        Unless it is done patiently the page is made to ask for what is new, as it does when one
        comes back to it: ever more rarely, as it gives up an older question for a newer one.
        """
        for turn in range(5_000):
            if turn >= 3 and turn & (turn + 1) == 0 and not patiently:
                await self.run(LOOK)
            with contextlib.suppress(PageError):  # while a page is being left
                found = await self.run(script)
                if found:
                    return found
            await asyncio.sleep(0.02)
        shown = await self.run("document.body.innerText")
        raise PageError(f"never came about: {script}\nThe page shows:\n{shown}")

    async def key(self, name: str, text: str = "") -> None:
        """Press a key, as a keyboard does."""
        code = {"Tab": 9, "Enter": 13, " ": 32, "Escape": 27}[name]
        common = {"key": name, "windowsVirtualKeyCode": code, "code": name.strip() or "Space"}
        down = "keyDown" if text else "rawKeyDown"
        await self.send("Input.dispatchKeyEvent", type=down, text=text, **common)
        await self.send("Input.dispatchKeyEvent", type="keyUp", **common)

    async def type(self, text: str) -> None:
        await self.send("Input.insertText", text=text)

    async def picture(self, path: Path) -> None:
        found = await self.send("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(found["data"]))


@contextlib.asynccontextmanager
async def browsing(program: str) -> AsyncGenerator[Page]:
    profile = Path(tempfile.mkdtemp(prefix="chromium-"))
    process = await asyncio.create_subprocess_exec(
        program,
        *FLAGS,
        f"--user-data-dir={profile}",
        "about:blank",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        port = await _port(process, profile / "DevToolsActivePort")
        async with aiohttp.ClientSession() as session:
            where = await _page(session, f"http://127.0.0.1:{port}/json/list")
            async with session.ws_connect(where, max_msg_size=0) as socket:
                page = Page(socket)
                listening = asyncio.create_task(page.listen())
                for domain in ("Page", "Runtime", "Log", "Network"):
                    await page.send(f"{domain}.enable")
                await page.send("Emulation.setFocusEmulationEnabled", enabled=True)
                yield page
            await listening
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its own group: it was started in a session
        await process.wait()
        shutil.rmtree(profile, ignore_errors=True)


async def _port(process: asyncio.subprocess.Process, told: Path) -> int:
    while not (told.exists() and "\n" in told.read_text()):
        if process.returncode is not None:
            raise RuntimeError(f"Chromium ended with {process.returncode}.")
        await asyncio.sleep(0.02)
    return int(told.read_text().splitlines()[0])


async def _page(session: aiohttp.ClientSession, targets: str) -> str:
    """Where the first page is driven, once it is there."""
    while True:
        async with session.get(targets) as answer:
            for one in await answer.json():
                if one["type"] == "page":
                    return str(one["webSocketDebuggerUrl"])
        await asyncio.sleep(0.02)


def shows(selector: str, text: str) -> str:
    return (
        f"[...document.querySelectorAll({json.dumps(selector)})]"
        f".some((one) => one.checkVisibility() && one.innerText.includes({json.dumps(text)}))"
    )


def click(selector: str) -> str:
    return f"document.querySelector({json.dumps(selector)}).click()"


def fill(selector: str, text: str) -> str:
    return (
        f"(() => {{ const one = document.querySelector({json.dumps(selector)}); "
        f"one.value = {json.dumps(text)}; "
        "one.dispatchEvent(new Event('input', {bubbles: true})); "
        "one.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )


async def view(page: Page, where: str) -> None:
    await page.run(f"location.hash = '#/{where}'")
    await page.until(f"!document.getElementById('{where.split('/')[0]}').hidden")
