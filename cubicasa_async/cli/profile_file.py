"""Profiles: settings of several companies side by side, in a file that nobody else may read."""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import attrs

from cubicasa_async.config import Secret
from cubicasa_async.core import codec
from cubicasa_async.core.extras import from_extra
from cubicasa_async.errors import ConfigError

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_TEXTS: Final = ("api_key", "environment", "base_url", "proxy")
_OTHERS_MAY: Final = stat.S_IRWXG | stat.S_IRWXO
_HEAD: Final = (
    "# Profiles of the command `cubicasa`. It writes this file anew: comments are not kept.\n"
)


@attrs.frozen(kw_only=True)
class Profile:
    """What a profile holds; None is what it does not say.

    Attributes:
        api_key: The key that the vendor gave the company.
        environment: Name of one of the vendor's installations.
        base_url: Where another installation is.
        proxy: URL of an HTTP proxy; it may hold a password.
        paths: Corrections of inferred paths, as Config describes them.
    """

    api_key: Secret | None = None
    environment: str | None = None
    base_url: str | None = None
    proxy: str | None = attrs.field(default=None, repr=False)
    paths: Mapping[str, str] = attrs.field(factory=dict[str, str])


def place() -> Path:
    """Where the file is, on this platform. Raises ConfigError if a package is missing."""
    with from_extra("cli", "A profile"):
        from platformdirs import user_config_path
    return user_config_path("cubicasa", appauthor=False) / "profiles.toml"


def names() -> list[str]:
    """The names of all profiles; none if they cannot be read."""
    with suppress(ConfigError):
        return sorted(read())
    return []


def read() -> dict[str, Profile]:
    """All profiles by name; none if there is no file.

    Raises:
        ConfigError: The file cannot be read or understood, or others may read it.
    """
    path = place()
    try:
        with path.open("rb") as file:
            _refuse_open_to_others(path, os.fstat(file.fileno()))
            table = tomllib.loads(file.read().decode())
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise ConfigError(f"The profiles cannot be read from {path}: {exc.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8. Correct it, or remove it.") from None
    except tomllib.TOMLDecodeError as exc:
        where = re.search(r"\(at [^()]*\)", str(exc))  # the rest may hold a key
        raise ConfigError(f"{path} is not TOML {where[0] if where else ''}.") from None
    return {name: _profile(path, name, fields) for name, fields in table.items()}


def get(name: str) -> Profile:
    """One profile.

    Raises:
        ConfigError: There is none of that name, or the file cannot be used.
    """
    found = read()
    if name not in found:
        known = f"known are {', '.join(sorted(found))}" if found else "there is none yet"
        raise ConfigError(
            f"There is no profile {name!r} in {place()}; {known}. "
            "Make it by `cubicasa profiles set NAME`."
        )
    return found[name]


@contextmanager
def changing() -> Generator[dict[str, Profile]]:
    """All profiles, to be changed within the block; they are written behind it, whole or not.

    Raises:
        ConfigError: The file cannot be read, understood or written, or others may read it.
    """
    path = place()
    with from_extra("cli", "A profile"):
        from filelock import FileLock
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(f"{path}.lock"):
            found = read()
            yield found
            _write(path.resolve(), found)
    except OSError as exc:
        raise ConfigError(f"The profiles cannot be written to {path}: {exc.strerror}.") from None


def _refuse_open_to_others(path: Path, status: os.stat_result) -> None:
    if os.name != "posix":  # elsewhere a person's folder is closed to others as it is
        return
    if status.st_mode & _OTHERS_MAY:
        raise ConfigError(
            f"Others may read or write {path}, and it holds api keys. Close it to them: "
            f"chmod 600 {path}. If they may have read it, ask the vendor for new keys."
        )
    if status.st_uid not in {os.geteuid(), 0}:
        raise ConfigError(f"{path} belongs to somebody else, so it is not used.")


def _profile(path: Path, name: str, fields: object) -> Profile:
    given = dict(codec.as_mapping(fields))
    paths = given.get("paths", {})
    corrections = codec.as_mapping(paths)
    unknown = sorted(given.keys() - {*_TEXTS, "paths"})
    if not isinstance(fields, dict) or unknown or not NAME.fullmatch(name):
        what = f"{', '.join(unknown)} in [{name}]" if unknown else f"{name!r}"
        known = ", ".join((*_TEXTS, "paths"))
        raise ConfigError(f"{path}: {what} is not known. A profile is [NAME] with {known}.")
    texts = {key: value for key, value in given.items() if key in _TEXTS}
    all_texts = all(isinstance(text, str) for text in (*texts.values(), *corrections.values()))
    if not all_texts or not isinstance(paths, dict):
        raise ConfigError(f"{path}: all values of [{name}] must be text in quotation marks.")
    key = texts.pop("api_key", None)
    return Profile(api_key=Secret(key) if key else None, paths=corrections, **texts)


def _write(path: Path, profiles: Mapping[str, Profile]) -> None:
    text = _HEAD + "".join(_toml(name, profile) for name, profile in sorted(profiles.items()))
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600
    try:
        with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 # a descriptor
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _toml(name: str, profile: Profile) -> str:
    key = profile.api_key.reveal() if profile.api_key else None
    texts: dict[str, str | None] = {**attrs.asdict(profile, recurse=False), "api_key": key}
    lines = [f"{field} = {_quoted(text)}" for field in _TEXTS if (text := texts[field])]
    paths = [f"{_quoted(operation)} = {_quoted(to)}" for operation, to in profile.paths.items()]
    return "\n".join(["", f"[{name}]", *lines, *([f"[{name}.paths]", *paths] if paths else []), ""])


def _quoted(text: str) -> str:
    """A text as TOML writes it: as JSON does, but for one control character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
