"""Requests made up from the document, good and bad, sent to the sandbox by another's client."""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Iterator
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.core.failures import FailureGroup

from cubicasa_async.sandbox import Contract, Sandbox
from tests.contract.cases import scene
from tests.support.canary import CANARY

# Unknown parameters are ignored (observed), and the key is ours to give.
CONFIG: Final[dict[str, Any]] = {
    "generation": {"allow-extra-parameters": False, "with-security-parameters": False}
}


TOOL: Final[Any] = schemathesis  # it is typed in part


def described(document: dict[str, Any]) -> Any:
    return TOOL.openapi.from_dict(document, config=TOOL.Config.from_dict(CONFIG))


SCHEMA: Final = described(Contract.load().document)


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    """A sandbox on a thread of its own, as the generated calls block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    sandbox = Sandbox(CANARY)
    asyncio.run_coroutine_threadsafe(sandbox.start(), loop).result()
    scene(sandbox)
    yield sandbox
    asyncio.run_coroutine_threadsafe(sandbox.close(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def checked(case: Any, sandbox: Sandbox) -> None:
    case.call_and_validate(base_url=sandbox.base_url, headers={"api-key": sandbox.api_key})


@SCHEMA.parametrize()  # type: ignore[untyped-decorator] # as above
@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_every_generated_request_is_answered_as_the_document_says(
    case: Any, served: Sandbox
) -> None:
    checked(case, served)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("name", {"type": "number"}),
        ("id", {"type": "string", "format": "uuid"}),
    ],
)
def test_control_an_answer_that_the_document_does_not_describe_is_seen(
    name: str, wrong: dict[str, Any], served: Sandbox
) -> None:
    document = copy.deepcopy(Contract.load().document)
    profile = document["components"]["schemas"]["CompanyInfo"]["properties"]["profile"]
    profile["properties"][name] = wrong
    profile["required"] = [name]
    case = described(document)["/companies/info"]["GET"].Case()
    with pytest.raises(FailureGroup):
        checked(case, served)
