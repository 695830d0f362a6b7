"""The contract as the sandbox knows it: its own OpenAPI document, compiled once.

Nothing here is shared with the client. A fake that shared code with the client would agree with the
client's mistakes.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any, Final, cast
from urllib.parse import unquote

import attrs
from multidict import MultiMapping

try:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        "The sandbox needs jsonschema: pip install 'cubicasa-async[sandbox]'", name=_error.name
    ) from _error

__all__ = ["PREFIX", "Contract", "Match", "Operation", "Problem", "Problems", "parse_json"]

JSON = dict[str, Any]

_METHODS: Final = ("get", "post", "patch", "put", "delete")
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,1000}\Z", re.ASCII)
_TYPES: Final = {
    "string": ("str type expected", "type_error.str"),
    "integer": ("value is not a valid integer", "type_error.integer"),
    "number": ("value is not a valid float", "type_error.float"),
    "boolean": ("value could not be parsed to a boolean", "type_error.bool"),
    "array": ("value is not a valid list", "type_error.list"),
    "object": ("value is not a valid dict", "type_error.dict"),
}


@attrs.frozen
class Problem:
    """One entry of the 400 envelope. `loc` and `msg` are observed, `type` is inferred."""

    loc: tuple[str | int, ...]
    msg: str
    type: str

    def to_json(self) -> JSON:
        """The entry as it stands in the envelope."""
        return {"loc": list(self.loc), "msg": self.msg, "type": self.type}


@attrs.frozen
class Problems:
    """What is wrong with a request, by the part of it. Truthy when anything is."""

    body_params: Sequence[Problem] = ()
    query_params: Sequence[Problem] = ()
    path_params: Sequence[Problem] = ()

    def __bool__(self) -> bool:
        return bool(self.body_params or self.query_params or self.path_params)

    def to_json(self) -> JSON:
        """The body of the 400 answer: only the lists that are not empty."""
        lists = {
            "body_params": self.body_params,
            "query_params": self.query_params,
            "path_params": self.path_params,
        }
        return {
            "validation_error": {
                name: [problem.to_json() for problem in found]
                for name, found in lists.items()
                if found
            }
        }


@attrs.frozen
class Parameter:
    """One query parameter."""

    name: str
    many: bool
    integer: bool
    default: object
    validator: Draft202012Validator


@attrs.frozen
class Operation:
    """One operation of the document.

    `effect` is READ, REPLACE, CREATE or PURCHASE: what a repeat would do. `evidence` is documented,
    observed or inferred.
    """

    id: str
    method: str
    path: str
    effect: str
    evidence: str
    segments: tuple[str, ...]
    query: tuple[Parameter, ...]
    body: Draft202012Validator | None
    body_keys: Mapping[str, int]

    def check_body(self, value: object) -> tuple[JSON, list[Problem]]:
        """Validate a parsed body; answer its known keys and what is wrong with it."""
        if self.body is None:
            return {}, []
        if not isinstance(value, dict):
            return {}, [Problem(("__root__",), *_TYPES["object"])]
        body = cast("JSON", value)
        problems = _problems(self.body, body)
        keys = self.body_keys
        problems.sort(key=lambda problem: keys.get(str(problem.loc[0]), len(keys)))
        return {key: body[key] for key in keys if key in body}, problems

    def check_query(self, query: MultiMapping[str]) -> tuple[JSON, list[Problem]]:
        """Read the known query parameters. One that is sent twice is refused (inferred)."""
        values: JSON = {}
        problems: list[Problem] = []
        for parameter in self.query:
            texts = query.getall(parameter.name, [])
            if not texts:
                values[parameter.name] = parameter.default
                continue
            if len(texts) > 1 and not parameter.many:
                problems.append(
                    Problem((parameter.name,), "is given more than once", "value_error.repeated")
                )
            value: object = list(texts) if parameter.many else texts[0]
            if parameter.integer and _INTEGER.match(texts[0]):
                value = int(texts[0])
            problems += _problems(parameter.validator, value, parameter.name)
            values[parameter.name] = value
        return values, problems


@attrs.frozen
class Match:
    """Where a method and a path lead.

    `operation` is None when nothing answers; `allow` then names the methods of a path that exists.
    """

    operation: Operation | None
    values: Mapping[str, str] = attrs.field(factory=dict[str, str])
    allow: tuple[str, ...] = ()


class Contract:
    """The OpenAPI document, its operations and the way from a request to one of them."""

    def __init__(self, document: JSON) -> None:
        self.document = document
        self.operations: dict[str, Operation] = {}
        self._paths: dict[tuple[str, ...], dict[str, Operation]] = {}
        for path, item in document["paths"].items():
            segments = tuple(path.strip("/").split("/"))
            found = {
                method.upper(): self._operation(path, method, segments, item[method])
                for method in _METHODS
                if method in item
            }
            self._paths[segments] = found
            self.operations.update((operation.id, operation) for operation in found.values())
        self._templates = [
            (segments, found)
            for segments, found in self._paths.items()
            if any(segment.startswith("{") for segment in segments)
        ]

    @staticmethod
    @functools.cache
    def load() -> Contract:
        """The contract that comes with the sandbox; compiled once in a process."""
        text = resources.files("cubicasa_async.sandbox").joinpath("openapi.json").read_text("utf-8")
        return Contract(json.loads(text))

    def match(self, method: str, raw_path: str) -> Match:
        """Find the operation for a method and a path below the base URL, still percent-encoded.

        A path that stands in the document as it is goes before one with parameters.
        """
        segments = tuple(unquote(segment) for segment in raw_path.removeprefix("/").split("/"))
        found = self._paths.get(segments)
        values: dict[str, str] = {}
        if found is None or any(segment.startswith("{") for segment in segments):
            for template, candidates in self._templates:
                matched = _values(template, segments)
                if matched is not None:
                    found, values = candidates, matched
                    break
            else:
                return Match(None)
        return Match(found.get(method), values, tuple(found))

    def inline(self, schema: object) -> Any:
        """The schema with its references replaced by what they point to."""
        if isinstance(schema, dict):
            node = cast("JSON", schema)
            if "$ref" in node:
                target: Any = self.document
                for part in node["$ref"].removeprefix("#/").split("/"):
                    target = target[part]
                return self.inline(target)
            return {key: self.inline(value) for key, value in node.items()}
        if isinstance(schema, list):
            return [self.inline(value) for value in cast("list[object]", schema)]
        return schema

    def _operation(
        self, path: str, method: str, segments: tuple[str, ...], item: JSON
    ) -> Operation:
        body: Draft202012Validator | None = None
        keys: dict[str, int] = {}
        if "requestBody" in item:
            schema = self.inline(item["requestBody"]["content"]["application/json"]["schema"])
            body = Draft202012Validator(schema)
            keys = {key: place for place, key in enumerate(schema["properties"])}
        return Operation(
            id=item["operationId"],
            method=method.upper(),
            path=path,
            effect=item["x-effect"],
            evidence=item["x-evidence"],
            segments=segments,
            query=tuple(
                Parameter(
                    name=parameter["name"],
                    many=parameter["schema"]["type"] == "array",
                    integer=parameter["schema"]["type"] == "integer",
                    default=parameter["schema"].get("default"),
                    validator=Draft202012Validator(self.inline(parameter["schema"])),
                )
                for parameter in item.get("parameters", ())
                if parameter["in"] == "query"
            ),
            body=body,
            body_keys=keys,
        )


PREFIX: Final = "/api/integrate/v3"


def parse_json(raw: bytes) -> Any:
    """Read JSON strictly: UTF-8, no NaN, no number beyond a double's range.

    Raises:
        ValueError: The bytes are not such a document.
    """
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_refuse, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("the document is nested too deeply") from error


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


def _values(template: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    if len(template) != len(segments):
        return None
    values: dict[str, str] = {}
    for pattern, segment in zip(template, segments, strict=True):
        if pattern.startswith("{") and segment:
            values[pattern[1:-1]] = segment
        elif pattern != segment:
            return None
    return values


def _problems(validator: Draft202012Validator, value: Any, *place: str) -> list[Problem]:
    errors = cast(
        "Iterable[ValidationError]",
        validator.iter_errors(value),  # pyright: ignore[reportUnknownMemberType] - partly untyped
    )
    # Each missing key is an error of its own that does not name the key: they all tell of all.
    return list(dict.fromkeys(one for error in errors for one in _readable(error, place)))


def _readable(error: ValidationError, place: tuple[str, ...]) -> Iterable[Problem]:
    loc = (*place, *error.absolute_path)
    rule, limit = str(error.validator), cast("Any", error.validator_value)
    if rule == "required":
        for key in limit:
            if key not in cast("JSON", error.instance):
                yield Problem((*loc, key), "field required", "value_error.missing")
    elif rule == "type":
        if error.instance is None:
            yield Problem(loc, "none is not an allowed value", "type_error.none.not_allowed")
        else:
            yield Problem(loc, *_TYPES[limit if isinstance(limit, str) else limit[0]])
    elif rule == "minimum":
        words = f"ensure this value is greater than or equal to {limit}"
        yield Problem(loc, words, "value_error.number.not_ge")
    elif rule == "maximum":
        words = f"ensure this value is less than or equal to {limit}"
        yield Problem(loc, words, "value_error.number.not_le")
    else:
        yield Problem(loc, error.message, f"value_error.{rule}")
