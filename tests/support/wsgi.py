"""WSGI applications behind a real server."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def serving(app: Any) -> Generator[str]:
    """A WSGI application behind a real server with threads; gives its origin."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 # as there
            """Say nothing."""

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def django_application(urls: Any) -> Any:
    """A Django application of these URLs: a module, its name or a class that holds them."""
    # Django has no types, so it is imported where they are not asked for.
    django: Any = importlib.import_module("django")
    conf, wsgi = (
        importlib.import_module(f"django.{one}") for one in ("conf", "core.handlers.wsgi")
    )
    if not conf.settings.configured:  # once for a process
        conf.settings.configure(ALLOWED_HOSTS=["127.0.0.1"], SECRET_KEY="-", LOGGING_CONFIG=None)
        django.setup()
    conf.settings.ROOT_URLCONF = urls
    return wsgi.WSGIHandler()
