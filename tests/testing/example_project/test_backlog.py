from __future__ import annotations

from collections.abc import Mapping

import pytest
from backlog import backlog, main

from cubicasa_async import CubiCasa
from cubicasa_async.sandbox import Fault, Sandbox


def test_orders_are_counted_by_status(
    cubicasa_sandbox: Sandbox, sync_cubicasa_client: CubiCasa
) -> None:
    for status in ("Draft", "Draft", "Ready"):
        cubicasa_sandbox.world.add_order(status=status)
    assert backlog(sync_cubicasa_client) == {"Draft": 2, "Ready": 1}


def test_a_server_that_is_busy_is_asked_again_when_it_says_and_the_test_does_not_wait(
    cubicasa_sandbox: Sandbox, sync_cubicasa_client: CubiCasa
) -> None:
    cubicasa_sandbox.faults.add(Fault("status", status=503, retry_after="30", times=1))
    begun = cubicasa_sandbox.clock()
    assert backlog(sync_cubicasa_client) == {}
    assert cubicasa_sandbox.clock() - begun > 29
    assert 0 < cubicasa_sandbox.clock.ahead <= 30  # as much of it as the calls themselves left


def test_the_script_finds_its_key_in_the_environment(
    cubicasa_sandbox: Sandbox,
    cubicasa_env: Mapping[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    cubicasa_sandbox.world.add_examples(8)
    main()
    assert capsys.readouterr().out == "Draft: 2\nFixing: 2\nPending: 2\nReady: 2\n"
