"""A client that openapi-python-client makes of our OpenAPI document, in a directory of its own."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
import orjson

import cubicasa_async

PACKAGE = "generated_client"
DOCUMENT = Path(cubicasa_async.__file__).parent / "sandbox" / "openapi.json"


class NotGeneratedError(Exception):
    """There is no generated client here; the text says why."""


@attrs.frozen
class GeneratedClient:
    """The parts of the generated package that are compared. Nothing in it has a type here."""

    order_page: Any
    orders_list: Any
    authenticated_client: Any

    def decode(self, body: bytes) -> Any:
        # Its own way is httpx's json(), which is slower; the parser is not what is compared.
        return self.order_page.from_dict(orjson.loads(body))

    def client(self, base_url: str) -> Any:
        return self.authenticated_client(
            base_url=base_url, token="bench", prefix="", auth_header_name="api-key"
        )

    async def page(self, client: Any, offset: int, limit: int) -> Any:
        return await self.orders_list.asyncio(client=client, offset=offset, limit=limit)


@contextmanager
def generated_client() -> Generator[GeneratedClient]:
    """The client, generated anew; it is gone from disk when the block ends.

    Raises:
        NotGeneratedError: The generator is not installed, or it failed.
    """
    if find_spec("openapi_python_client") is None:
        raise NotGeneratedError("openapi-python-client is not installed")
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "config.yaml"
        config.write_text("post_hooks: []\n")  # formats nothing, so it needs no formatter
        command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
        places = {"path": DOCUMENT, "output-path": Path(directory) / PACKAGE, "config": config}
        command += [f"--{option}={place}" for option, place in places.items()]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            said = (run.stderr or run.stdout).strip().splitlines() or ["no reason given"]
            raise NotGeneratedError(f"openapi-python-client failed: {said[-1]}")
        sys.path.insert(0, directory)
        try:
            # All of it is imported now: what is loaded while it runs would not be found later.
            yield GeneratedClient(
                importlib.import_module(f"{PACKAGE}.models").OrderPage,
                importlib.import_module(f"{PACKAGE}.api.orders.orders_list"),
                importlib.import_module(f"{PACKAGE}.client").AuthenticatedClient,
            )
        finally:
            sys.path.remove(directory)
            for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
                del sys.modules[name]
