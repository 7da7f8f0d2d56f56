"""Addresses of a forge: those of github.com, or of the server that the environment names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from testsmith.model import UsageFailure

_SCP_ADDRESS = re.compile(r"(?:[\w.-]+@)?(?P<host>[\w.-]+):(?P<path>[^/].*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeAddresses:
    """Addresses of a forge, without trailing slashes.

    Attributes:
        api: Address of the REST API.
        graphql: Address of the GraphQL API.
        server: Address of the web pages.
    """

    api: str
    graphql: str
    server: str


def addresses_in(environment: Mapping[str, str]) -> ForgeAddresses:
    """Read the addresses from the variables that GitHub sets in a workflow; the default is github.com.

    Raises:
        UsageFailure: A variable is not an address.
    """
    return ForgeAddresses(
        api=_url(environment, "GITHUB_API_URL", "https://api.github.com"),
        graphql=_url(environment, "GITHUB_GRAPHQL_URL", "https://api.github.com/graphql"),
        server=_url(environment, "GITHUB_SERVER_URL", "https://github.com"),
    )


def _url(environment: Mapping[str, str], name: str, default: str) -> str:
    url = (environment.get(name) or default).rstrip("/")
    if not url.startswith(("https://", "http://")):
        raise UsageFailure(f"{name} must begin with https:// or http://; leave it as GitHub sets it.")
    return url


def repository_at(remote: str, server: str) -> str:
    """Return the full name of the repository at a remote's address, for example `octo/shop`.

    It is empty if the remote is not on the server.
    """
    scp = None if "://" in remote else _SCP_ADDRESS.fullmatch(remote)
    parts = urlsplit(remote)
    host, path = (scp["host"], scp["path"]) if scp else (parts.hostname or "", parts.path)
    return path.strip("/").removesuffix(".git") if host.casefold() == urlsplit(server).hostname else ""
