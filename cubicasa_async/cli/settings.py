"""What is in force: key, installation and proxy, each from the first source that has it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import attrs
from yarl import URL

from cubicasa_async.cli import profile_file
from cubicasa_async.cli.profile_file import Profile
from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.config import Config, Secret
from cubicasa_async.errors import ConfigError

if TYPE_CHECKING:
    from cubicasa_async.cli.common import Target

KEY: Final = "CUBICASA_API_KEY"
PROFILE: Final = "CUBICASA_PROFILE"
ENVIRONMENT: Final = "CUBICASA_ENVIRONMENT"
BASE_URL: Final = "CUBICASA_BASE_URL"
PROXY: Final = "CUBICASA_PROXY"


@attrs.frozen(kw_only=True)
class Address:
    """Which installation is talked to; production if neither is said.

    Attributes:
        environment: Name of one of the vendor's installations.
        base_url: Where another installation is.
        source: Where that comes from, in words.
    """

    environment: str | None = None
    base_url: str | None = None
    source: str = "by default"


@attrs.frozen(kw_only=True)
class Settings:
    """What is in force.

    Attributes:
        api_key: The key; None if there is none.
        key_source: Where it comes from, in words.
        address: Which installation is talked to.
        proxy: URL of an HTTP proxy; it may hold a password.
        proxy_source: Where that comes from, in words.
        paths: Corrections of inferred paths.
        idle: Variables that are set and have no effect, since the command line names a profile.
    """

    api_key: Secret | None
    key_source: str
    address: Address
    proxy: str | None = attrs.field(default=None, repr=False)
    proxy_source: str = ""
    paths: Mapping[str, str] = attrs.field(factory=dict[str, str])
    idle: tuple[str, ...] = ()

    def config(self, *, concurrency: int = 20, key: Secret | None = None) -> Config:
        """Settings of a client.

        Args:
            concurrency: How many calls run at once.
            key: A key to take where there is none.

        Raises:
            ConfigError: There is no key, or something cannot be used.
        """
        used = self.api_key or key
        if used is None:
            raise ConfigError(f"No api key: set the environment variable {KEY}, or name a profile.")
        return Config.make(
            api_key=used,
            environment=self.address.environment,
            base_url=self.address.base_url,
            concurrency=concurrency,
            proxy=_checked(self.proxy, self.proxy_source),
            paths=self.paths,
        )

    def client(self, *, concurrency: int = 20) -> AsyncCubiCasa:
        """A client. Raises ConfigError."""
        config = self.config(concurrency=concurrency)
        return AsyncCubiCasa(
            config.api_key,
            base_url=str(config.base_url),
            concurrency=concurrency,
            proxy=config.proxy,
            paths=config.paths,
        )


def settled(target: Target, environ: Mapping[str, str] = os.environ) -> Settings:
    """What is in force, by what the command line says, the variables and the profiles.

    Raises:
        ConfigError: A profile cannot be used, or it is not clear which company is meant.
    """
    given = {name: text for name, text in environ.items() if text.strip()}
    idle: tuple[str, ...] = ()
    if target.profile is not None:
        named, source = target.profile, f"from the profile {target.profile}"
        idle = tuple(name for name in (KEY, ENVIRONMENT, BASE_URL, PROFILE) if name in given)
        given = {name: text for name, text in given.items() if name not in idle}
    else:
        named = given.get(PROFILE, "").strip()
        source = f"from the profile {named} of {PROFILE}"
    if named and KEY in given:
        raise ConfigError(
            f"{KEY} and {PROFILE} are both set, and may be of two companies. Unset one of them, or "
            f"say --profile {named}."
        )
    profile = profile_file.get(named) if named else Profile()
    if named and profile.api_key is None:
        raise ConfigError(
            f"The profile {named} has no api key. Give it one by `cubicasa profiles set {named}`."
        )
    key, key_source = profile.api_key, source if named else "missing"
    if KEY in given:
        key, key_source = Secret(given[KEY]), f"set by {KEY}"
    proxies = [(target.proxy, "from --proxy"), (given.get(PROXY), f"from {PROXY}")]
    proxies.insert(1 if target.profile is not None else 2, (profile.proxy, source))
    proxy, proxy_source = next((found for found in proxies if found[0]), (None, ""))
    return Settings(
        api_key=key,
        key_source=key_source,
        address=_address(target, given, profile, source),
        proxy=proxy,
        proxy_source=proxy_source,
        paths=profile.paths,
        idle=idle,
    )


def _address(
    target: Target, given: Mapping[str, str], profile: Profile, profile_source: str
) -> Address:
    """The installation, whole from one source: half of two would be a third."""
    flags = {"--base-url": target.base_url, "--environment": target.environment}
    variables = {BASE_URL: given.get(BASE_URL), ENVIRONMENT: given.get(ENVIRONMENT)}
    for source in (flags, variables):
        if named := [name for name, text in source.items() if text]:
            base_url, environment = source.values()
            return Address(
                environment=environment or None,
                base_url=base_url or None,
                source=f"from {' and '.join(named)}",
            )
    if profile.environment or profile.base_url:
        return Address(
            environment=profile.environment, base_url=profile.base_url, source=profile_source
        )
    return Address()


def _checked(proxy: str | None, source: str) -> str | None:
    try:
        url = URL(proxy.strip()) if proxy else None
        usable = url is None or (url.scheme in {"http", "https"} and bool(url.host))
    except ValueError:
        url, usable = None, False
    if not usable:  # not shown: it may hold a password
        raise ConfigError(f"The proxy ({source}) must look like http://host:port.")
    return str(url) if url else None
