"""A pytest plugin: a sandbox of the API, and clients of it, as fixtures.

It is there as soon as `cubicasa-async[testing]` is installed, and costs nothing until a test asks
for one of its fixtures:

=========================  =======================================================================
`cubicasa_sandbox`         the server: its state, ledger, faults, webhooks, file host and clock
`cubicasa_client`          an AsyncCubiCasa of it
`sync_cubicasa_client`     a CubiCasa of it
`cubicasa_env`             CUBICASA_API_KEY and CUBICASA_BASE_URL lead to it, for `from_env()`
`cubicasa_variables`       these variables, for fixtures of your own that last longer than a test
`cubicasa_runtime`         the sandbox's clock as clients take it, for those that you make yourself
=========================  =======================================================================

::

    import pytest

    from cubicasa_async import AsyncCubiCasa, CubiCasaError, Outcome
    from cubicasa_async.sandbox import Fault, Sandbox


    @pytest.mark.asyncio
    async def test_a_lost_answer_is_unknown(
        cubicasa_sandbox: Sandbox, cubicasa_client: AsyncCubiCasa
    ) -> None:
        cubicasa_sandbox.faults.add(Fault("drop", phase="after_commit", times=1))
        with pytest.raises(CubiCasaError) as caught:
            await cubicasa_client.drafts.create(
                street="1 Main Street",
                city="Springfield",
                country="United States",
                owner_email="photographer@example.com",
            )
        assert caught.value.outcome is Outcome.UNKNOWN

One sandbox runs per session (with pytest-xdist, per worker) on a free port and a thread of its own.
Each test that asks for it gets it as new: no state, no faults, the usual settings, the present
time. Its address and key stay the same. A test fails if the host of the delivered files saw a key
meanwhile.

No fixture is a coroutine, so they serve synchronous tests as well as those of pytest-asyncio, in
its strict and auto modes, and of anyio on asyncio. All belong to one test, except
`cubicasa_variables`, which belongs to the session.

The pauses of the two clients, and of those made with `runtime=cubicasa_runtime`, take no time.
Between attempts and looks they move the sandbox's clock instead, so an order that a test waits for
is to be moved before. What the network takes is real, as are the limits `timeout` and
`connect_timeout`, and so is all that a client made by `from_env()` alone waits for.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # whoever asks for no fixture does not pay for these
    from cubicasa_async.client import AsyncCubiCasa
    from cubicasa_async.core.runtime import Runtime
    from cubicasa_async.sandbox import Sandbox
    from cubicasa_async.sync import CubiCasa
    from cubicasa_async.testing.server import Server

__all__ = [
    "cubicasa_client",
    "cubicasa_env",
    "cubicasa_runtime",
    "cubicasa_sandbox",
    "cubicasa_variables",
    "sync_cubicasa_client",
]


@pytest.fixture(scope="session", name="_cubicasa_server")
def server() -> Iterator[Server]:
    """What runs the sandbox."""
    from cubicasa_async.core.extras import from_extra
    from cubicasa_async.errors import ConfigError

    try:
        with from_extra("testing", "A test with a sandbox"):
            from cubicasa_async.testing.server import Server
    except ConfigError as error:
        pytest.fail(error.message, pytrace=False)
    server = Server()
    try:
        yield server
    finally:
        server.close()
    _fail_if_the_key_was_sent(server)


@pytest.fixture
def cubicasa_sandbox(_cubicasa_server: Server, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A sandbox of the CubiCasa API, as new in each test.

    It runs on a thread of its own, at the same address in the whole session. What is said of it
    from a test is in force at once::

        cubicasa_sandbox.world.add_order(status="Pending")
        cubicasa_sandbox.faults.add(Fault("status", status=503, times=1))
        cubicasa_sandbox.clock.advance(3600)
        assert cubicasa_sandbox.ledger.created("drafts.create") == []

    The test fails if the host of the files sees a key. It cannot be started or closed.
    """
    request.node.stash[_SERVER] = _cubicasa_server
    _cubicasa_server.sandbox.reset()
    yield _cubicasa_server.sandbox
    _cubicasa_server.sandbox.reset()
    _fail_if_the_key_was_sent(_cubicasa_server)


@pytest.fixture
def cubicasa_runtime(cubicasa_sandbox: Sandbox) -> Runtime:
    """The sandbox's clock, for clients made with `runtime=`: pauses move it and take no time.

    A pause is as long as its bound says, without chance.
    """
    from cubicasa_async.testing.server import runtime_of

    return runtime_of(cubicasa_sandbox.clock)


@pytest.fixture
def cubicasa_client(
    cubicasa_sandbox: Sandbox, cubicasa_runtime: Runtime, _cubicasa_server: Server
) -> Iterator[AsyncCubiCasa]:
    """An asynchronous client of the sandbox. Its pauses move the sandbox's clock."""
    from cubicasa_async.testing.server import client_of_any_loop

    with client_of_any_loop(cubicasa_sandbox, cubicasa_runtime) as client:
        yield client
    _cubicasa_server.run(client.close())  # on whichever loop: none has anything open any more


@pytest.fixture
def sync_cubicasa_client(
    cubicasa_sandbox: Sandbox, cubicasa_runtime: Runtime
) -> Iterator[CubiCasa]:
    """A synchronous client of the sandbox. Its pauses move the sandbox's clock."""
    from cubicasa_async.sync import CubiCasa

    with CubiCasa(
        cubicasa_sandbox.api_key, base_url=cubicasa_sandbox.base_url, runtime=cubicasa_runtime
    ) as client:
        yield client


@pytest.fixture(scope="session")
def cubicasa_variables(_cubicasa_server: Server) -> Mapping[str, str]:
    """CUBICASA_API_KEY and CUBICASA_BASE_URL as they lead to the sandbox, in the whole session.

    They are set nowhere: this is for what is started once for many tests, such as a service in a
    process of its own. The sandbox is as new only in tests that ask for `cubicasa_sandbox`.
    """
    return _variables(_cubicasa_server.sandbox)


def _variables(sandbox: Sandbox) -> Mapping[str, str]:
    return {"CUBICASA_API_KEY": sandbox.api_key, "CUBICASA_BASE_URL": sandbox.base_url}


@pytest.fixture
def cubicasa_env(cubicasa_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """Sets the environment that leads `from_env()`, and the command, to the sandbox.

    Gives the variables that it sets. CUBICASA_ENVIRONMENT is taken out.
    """
    monkeypatch.delenv("CUBICASA_ENVIRONMENT", raising=False)
    variables = _variables(cubicasa_sandbox)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


_SERVER = pytest.StashKey["Server"]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test, rather than its end, for a key that was sent where it must not go."""
    result = yield
    server = item.stash.get(_SERVER, None)
    if server is not None:
        _fail_if_the_key_was_sent(server)
    return result


def _fail_if_the_key_was_sent(server: Server) -> None:
    paths = server.paths_with_a_key()
    if paths:
        pytest.fail(
            "The api key was sent to the host of the files, which is not CubiCasa's API and must "
            "never see it. Fetch files without the header api-key, as download_assets does. "
            f"Asked for with a key: {', '.join(paths)}",
            pytrace=False,
        )
