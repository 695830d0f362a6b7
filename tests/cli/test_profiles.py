"""Profiles: settings of several companies side by side, and which setting is in force."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from cubicasa_async.cli import profile_file
from cubicasa_async.cli.common import Target
from cubicasa_async.cli.profile_file import Profile
from cubicasa_async.cli.settings import settled
from cubicasa_async.config import Secret
from cubicasa_async.errors import ConfigError
from cubicasa_async.sandbox import Sandbox
from tests.support.canary import CANARY
from tests.support.commands import environment
from tests.support.terminal import on_a_terminal
from tests.support.typed import typed

OTHER = "key-of-the-other-company"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in os.environ:
        if name.startswith("CUBICASA_"):
            monkeypatch.delenv(name)
    return tmp_path


def variables(home: Path, **more: str) -> dict[str, str]:
    return environment(None, XDG_CONFIG_HOME=str(home), **more)


def written(home: Path, text: str, mode: int = 0o600) -> Path:
    place = home / "cubicasa" / "profiles.toml"
    place.parent.mkdir(exist_ok=True)
    place.write_text(text, encoding="utf-8")
    place.chmod(mode)
    return place


async def test_a_profile_is_set_listed_shown_used_and_removed(home: Path, sandbox: Sandbox) -> None:
    environ = variables(home)
    address = ("--base-url", sandbox.base_url)
    made = await typed("profiles", "set", "north", *address, environ=environ, given=f"{CANARY}\n")
    assert made.code == 0, made.err
    second = await typed(
        "profiles", "set", "qa", "--environment", "qa", environ=environ, given=OTHER
    )
    assert second.code == 0, second.err

    listed = await typed("profiles", "list", environ=environ)
    assert [line["name"] for line in listed.json] == ["north", "qa"]
    shown = await typed("profiles", "show", "north", environ=environ)
    assert shown.json[0]["base_url"] == sandbox.base_url
    assert shown.json[0]["api_key"] == "set"

    used = await typed("--profile", "north", "orders", "list", environ=environ)
    assert used.code == 0, used.err
    assert [entry.authorised for entry in sandbox.ledger] == [True]
    by_variable = await typed("orders", "list", environ={**environ, "CUBICASA_PROFILE": "north"})
    assert by_variable.code == 0, by_variable.err

    refused = await typed("profiles", "remove", "north", environ=environ)
    assert refused.code == 2
    dry = await typed("profiles", "remove", "north", "--dry-run", environ=environ)
    assert (dry.code, len(profile_file.read())) == (0, 2)
    removed = await typed("profiles", "remove", "north", "--yes", environ=environ)
    assert removed.code == 0
    assert list(profile_file.read()) == ["qa"]
    for result in (made, second, listed, shown, used, by_variable, refused, dry, removed):
        assert CANARY not in result.out + result.err
        assert OTHER not in result.out + result.err


async def test_a_key_is_asked_for_on_a_terminal_and_not_on_the_screen(
    home: Path, tmp_path: Path
) -> None:
    code, screen = await on_a_terminal(
        *("profiles", "set", "north"),
        environ=variables(home),
        cwd=tmp_path,
        replies=[("API key: ", f"{OTHER}\n")],
    )
    assert code == 0, screen
    assert OTHER not in screen
    assert profile_file.get("north").api_key == Secret(OTHER)


async def test_what_is_not_said_again_stays(home: Path) -> None:
    written(home, f'[north]\napi_key = "{OTHER}"\n[north.paths]\n"offices.list" = "/bureaux"\n')
    arguments = ("profiles", "set", "north", "--environment", "qa")
    assert (await typed(*arguments, environ=variables(home), given="")).code == 0
    found = profile_file.get("north")
    assert found.api_key == Secret(OTHER)
    assert (found.environment, found.paths) == ("qa", {"offices.list": "/bureaux"})


@pytest.mark.parametrize(
    ("arguments", "given", "says"),
    [
        (("north",), "", "No api key was given"),
        (("north",), "schl\u00fcssel", "it is not shown"),
        (("a b",), "key", "is not letters"),
        (("north", "--base-url", "http://host.example/x"), "key", "must be https"),
        (("north", "--proxy", "ftp://user:pass@x"), "key", "must look like http://host:port"),
    ],
)
async def test_what_cannot_be_used_is_not_written(
    home: Path, arguments: tuple[str, ...], given: str, says: str
) -> None:
    result = await typed("profiles", "set", *arguments, environ=variables(home), given=given)
    assert result.code == 2
    assert says in " ".join(result.err.split())
    assert "pass@" not in result.err
    assert profile_file.read() == {}


class TestFile:
    def test_only_its_owner_may_read_what_is_written(self, home: Path) -> None:
        before = os.umask(0)
        try:
            with profile_file.changing() as profiles:
                profiles["north"] = Profile(api_key=Secret(OTHER))
        finally:
            os.umask(before)
        place = home / "cubicasa" / "profiles.toml"
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o644])
    async def test_a_file_that_others_may_read_or_write_is_refused(
        self, home: Path, mode: int
    ) -> None:
        place = written(home, f'[north]\napi_key = "{OTHER}"\n', mode)
        result = await typed("--profile", "north", "orders", "list", environ=variables(home))
        assert result.code == 2
        assert f"chmod 600 {place}" in result.err
        assert OTHER not in result.err

    def test_control_a_reader_that_does_not_look_at_the_mode_is_seen(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written(home, f'[north]\napi_key = "{OTHER}"\n', 0o644)
        monkeypatch.setattr(profile_file, "_OTHERS_MAY", 0)
        assert profile_file.get("north").api_key == Secret(OTHER)

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (f'[north]\napi_kee = "{OTHER}"\n', "api_kee in [north] is not known"),
            (f'[north]\napi_key = "{OTHER}\n', "is not TOML (at "),
            ("[north]\napi_key = 7\n", "must be text"),
            ('[north]\napi_key = "k"\npaths = "x"\n', "must be text"),
            ('api_key = "k"\n', "'api_key' is not known"),
            ("['a b']\n", "'a b' is not known"),
        ],
    )
    def test_what_cannot_be_understood_is_said_without_the_key(
        self, home: Path, text: str, says: str
    ) -> None:
        written(home, text)
        with pytest.raises(ConfigError) as caught:
            profile_file.read()
        assert says in str(caught.value)
        assert OTHER not in str(caught.value)

    def test_all_texts_come_back_as_they_were_written(self, home: Path) -> None:
        odd = Profile(
            api_key=Secret('k"\\\x7f\t'),
            base_url="https://h\u00f6st.example/\U0001f600",
            proxy="http://a:b@c",
            paths={"offices.list": "GET /\u00e9"},
        )
        with profile_file.changing() as profiles:
            profiles["n-1_B"] = odd
        assert profile_file.read() == {"n-1_B": odd}

    def test_profiles_that_are_set_at_once_are_all_there(self, home: Path) -> None:
        def add(number: int) -> None:
            with profile_file.changing() as profiles:
                profiles[f"p{number}"] = Profile(api_key=Secret("k"))

        threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(profile_file.read()) == 8

    def test_a_change_that_fails_leaves_it_as_it_was(self, home: Path) -> None:
        place = written(home, '[north]\napi_key = "k"\n')
        with pytest.raises(UnicodeEncodeError), profile_file.changing() as profiles:
            profiles["north"] = Profile(base_url="half a character: \ud800")
        assert list(profile_file.read()) == ["north"]
        assert {file.name for file in place.parent.iterdir()} <= {place.name, f"{place.name}.lock"}


NORTH = """
[north]
api_key = "key-north"
base_url = "https://north.example/v3"
proxy = "http://proxy.north.example:3128"
[bare]
api_key = "key-bare"
[keyless]
environment = "qa"
"""
QA = {"CUBICASA_ENVIRONMENT": "qa"}
KEY = {"CUBICASA_API_KEY": "key-variable"}
BY_VARIABLE = {"CUBICASA_PROFILE": "north"}
LOCAL = "http://127.0.0.1:9/v3"


@pytest.mark.parametrize(
    ("target", "given", "key", "host"),
    [
        (Target(), KEY, "key-variable", "app.cubi.casa"),
        (Target(), KEY | QA, "key-variable", "qa-customers.cubi.casa"),
        (Target(base_url=LOCAL), KEY | QA, "key-variable", "127.0.0.1"),
        (Target(), BY_VARIABLE, "key-north", "north.example"),
        (Target(), BY_VARIABLE | QA, "key-north", "qa-customers.cubi.casa"),
        (Target(base_url=LOCAL), BY_VARIABLE | QA, "key-north", "127.0.0.1"),
        (Target(profile="north"), KEY | QA, "key-north", "north.example"),
        (Target(profile="bare"), KEY | QA | BY_VARIABLE, "key-bare", "app.cubi.casa"),
        (Target(profile="north", environment="qa"), KEY, "key-north", "qa-customers.cubi.casa"),
    ],
)
def test_the_first_source_that_has_a_setting_says_it(
    home: Path, target: Target, given: Mapping[str, str], key: str, host: str
) -> None:
    written(home, NORTH)
    config = settled(target, given).config()
    assert (config.api_key, config.base_url.host) == (Secret(key), host)


@pytest.mark.parametrize(
    ("target", "given", "proxy"),
    [
        (Target(), KEY, None),
        (Target(), KEY | {"CUBICASA_PROXY": "http://v:1"}, "http://v:1"),
        (Target(proxy="http://f:1"), KEY | {"CUBICASA_PROXY": "http://v:1"}, "http://f:1"),
        (Target(), BY_VARIABLE, "http://proxy.north.example:3128"),
        (Target(), BY_VARIABLE | {"CUBICASA_PROXY": "http://v:1"}, "http://v:1"),
        (
            Target(profile="north"),
            {"CUBICASA_PROXY": "http://v:1"},
            "http://proxy.north.example:3128",
        ),
        (Target(profile="bare"), {"CUBICASA_PROXY": "http://v:1"}, "http://v:1"),
    ],
)
def test_so_it_is_with_the_proxy(
    home: Path, target: Target, given: Mapping[str, str], proxy: str | None
) -> None:
    written(home, NORTH)
    assert settled(target, given).config().proxy == proxy


@pytest.mark.parametrize(
    ("target", "given", "says"),
    [
        (Target(), KEY | BY_VARIABLE, "may be of two companies"),
        (Target(profile="south"), {}, "There is no profile 'south'"),
        (Target(), {"CUBICASA_PROFILE": "south"}, "known are bare, keyless, north"),
        (Target(profile="keyless"), KEY, "has no api key"),
    ],
)
def test_where_it_is_not_clear_which_company_is_meant_nothing_is_done(
    home: Path, target: Target, given: Mapping[str, str], says: str
) -> None:
    written(home, NORTH)
    with pytest.raises(ConfigError, match=says):
        settled(target, given)


@pytest.mark.parametrize(
    "target",
    [
        Target(),
        Target(profile="north"),
        Target(profile="north", environment="qa", proxy="http://f:1"),
        Target(base_url=LOCAL),
    ],
)
@pytest.mark.parametrize("given", [KEY | QA, BY_VARIABLE], ids=["key", "profile"])
def test_a_command_that_is_run_by_this_one_means_the_same(
    home: Path, target: Target, given: Mapping[str, str]
) -> None:
    written(home, NORTH)
    ours = settled(target, given).config()
    theirs = settled(Target(), target.variables(given)).config()
    assert (theirs.api_key, theirs.base_url) == (ours.api_key, ours.base_url)
    assert theirs.proxy == ours.proxy


@pytest.mark.parametrize("by_option", [True, False])
async def test_calls_go_through_the_proxy(
    home: Path, sandbox: Sandbox, unused_tcp_port: int, by_option: bool
) -> None:
    proxy = f"http://127.0.0.1:{unused_tcp_port}"
    environ = environment(sandbox) | ({} if by_option else {"CUBICASA_PROXY": proxy})
    option = ("--proxy", proxy) if by_option else ()
    result = await typed(*option, "doctor", environ=environ)
    assert result.code == 4
    assert "The proxy could not be used" in result.err
    assert len(sandbox.ledger) == 0


async def test_a_path_that_a_profile_corrects_is_called(home: Path, sandbox: Sandbox) -> None:
    text = f'[north]\napi_key = "{CANARY}"\nbase_url = "{sandbox.base_url}"\n'
    written(home, f'{text}[north.paths]\n"offices.list" = "GET /company/offices"\n')
    result = await typed("--profile", "north", "offices", "list", environ=variables(home))
    assert result.code == 3
    assert "inferred" not in result.err
    assert [entry.path.partition("?")[0] for entry in sandbox.ledger] == ["/company/offices"]


class TestDoctor:
    async def test_says_which_profile_is_in_force_and_what_has_no_effect(
        self, home: Path, sandbox: Sandbox
    ) -> None:
        written(home, f'[north]\napi_key = "{CANARY}"\nbase_url = "{sandbox.base_url}"\n')
        environ = variables(home, CUBICASA_BASE_URL="https://elsewhere.example/v3")
        result = await typed("--profile", "north", "doctor", environ=environ)
        assert result.code == 0, result.err
        values = {line["name"]: line["value"] for line in result.json}
        assert values["api key"] == "from the profile north"
        assert values["base URL"] == f"{sandbox.base_url} (from the profile north)"
        assert values["without effect"].startswith("CUBICASA_BASE_URL")
        assert CANARY not in result.out

    @pytest.mark.parametrize(
        ("given", "name", "says"),
        [
            ({"CUBICASA_PROFILE": "south"}, "profile", "There is no profile 'south'"),
            (KEY | {"CUBICASA_PROXY": "http//u:pw@x"}, "proxy", "from CUBICASA_PROXY"),
        ],
    )
    async def test_what_is_wrong_is_named_and_ends_with_2(
        self, home: Path, given: Mapping[str, str], name: str, says: str
    ) -> None:
        result = await typed("doctor", environ=variables(home, **given))
        assert result.code == 2
        assert [line["name"] for line in result.json if line["fault"]] == [name]
        assert says in result.err
        assert "pw@" not in result.out + result.err

    async def test_a_file_of_certificates_that_is_not_there_is_said(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(home / "none.pem"))
        result = await typed("doctor", environ=variables(home, **KEY, **QA))
        assert result.code == 1
        assert [line["name"] for line in result.json if line["fault"]] == ["TLS"]
        assert "Correct SSL_CERT_FILE." in result.err


def test_no_key_is_in_what_a_profile_shows_of_itself() -> None:
    profile = Profile(api_key=Secret(OTHER), proxy="http://u:pw@x")
    assert OTHER not in repr(profile)
    assert "pw" not in repr(profile)
    assert OTHER not in json.dumps(repr(settled(Target(), {"CUBICASA_API_KEY": OTHER})))
