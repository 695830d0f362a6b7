"""Requests made up from the document, good and bad, sent to the sandbox by another's client."""

from __future__ import annotations

import asyncio
import copy
import functools
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from cubicasa_async.sandbox import Contract, Sandbox
from tests.contract.cases import scene
from tests.support.canary import CANARY

# Unknown parameters are ignored (observed), and the key is ours to give.
CONFIG: Final[dict[str, Any]] = {
    "generation": {"allow-extra-parameters": False, "with-security-parameters": False}
}


def can_be_wrong(item: dict[str, Any]) -> bool:
    """Whether there is anything besides the path in which a request could be wrong."""
    query = any(one["in"] == "query" for one in item.get("parameters", ()))
    return query or "requestBody" in item


PLACES: Final = {
    item["operationId"]: (path, verb.upper())
    for path, verbs in Contract.load().document["paths"].items()
    for verb, item in verbs.items()
}
WAYS: Final = [(operation, "POSITIVE") for operation in PLACES] + [
    (operation, "NEGATIVE")
    for operation, (path, verb) in PLACES.items()
    if can_be_wrong(Contract.load().document["paths"][path][verb.lower()])
]
generating: Final = settings(
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def tool() -> Any:
    """Schemathesis, which is typed in part, and takes long to import for the one who needs it."""
    import schemathesis

    return schemathesis


def described(document: dict[str, Any]) -> Any:
    return tool().openapi.from_dict(document, config=tool().Config.from_dict(CONFIG))


@functools.cache
def schema() -> Any:
    return described(Contract.load().document)


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


@pytest.mark.parametrize("examples", [4, pytest.param(60, marks=pytest.mark.soak)])
@pytest.mark.parametrize(("operation", "mode"), WAYS)
def test_a_generated_request_is_answered_as_the_document_says(
    operation: str, mode: str, examples: int, served: Sandbox
) -> None:
    path, verb = PLACES[operation]
    cases = schema()[path][verb].as_strategy(tool().GenerationMode[mode])

    @settings(generating, max_examples=examples)
    @given(cases)
    def check(case: Any) -> None:
        checked(case, served)

    check()


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
    with pytest.raises(tool().core.failures.FailureGroup):
        checked(case, served)


@pytest.mark.soak
def test_all_boundary_cases_are_answered_as_the_document_says(
    served: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "document.json").write_text(json.dumps(Contract.load().document), encoding="utf-8")
    (tmp_path / "schemathesis.toml").write_text(
        "[generation]\n"
        + "".join(f"{name} = {json.dumps(on)}\n" for name, on in CONFIG["generation"].items()),
        encoding="utf-8",
    )
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", "document.json"]
    asked = ["--url", served.base_url, "--header", f"api-key: {served.api_key}"]
    before = len(served.ledger)
    ended = subprocess.run(
        [*command, *asked, "--phases", "examples,coverage", "--continue-on-failure"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    assert len(served.ledger) - before > 1_000
