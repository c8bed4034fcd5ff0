"""Who may talk to the viewer's server, decided from a request's path and headers alone.

A page of another site can reach a server on this machine through the visitor's browser, which neither a loopback
address nor a firewall prevents. So every request must name a host that is ours (an attacker's name that resolves to
127.0.0.1 is refused: DNS rebinding), a websocket must come from a page of that very host (its Origin, which browsers
always send and pages cannot forge), and where a token is set, every request carries it: once in the address, then in a
cookie.

A websocket without an Origin is refused too: only browsers have business here, and they send one.
"""

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol, runtime_checkable
from urllib.parse import parse_qs, urlsplit

MIN_TOKEN = 16  # characters; secrets.token_urlsafe(24) has 32


@runtime_checkable
class Headers(Protocol):
    """What is read of a request's headers."""

    def get_all(self, key: str) -> list[str]:
        """The values of every header of that name, in any case."""
        ...


@dataclass(frozen=True)
class Refusal:
    """An answer other than the page, with the reason as its text."""

    status: HTTPStatus
    reason: str


@dataclass(frozen=True)
class Gate:
    """The rules of one server.

    Attributes:
        loopback: whether it listens on this machine only; a request must then name this machine as its host.
        token: what every request must carry; None: nothing.
        max_connections: websockets at a time.
        connections: how many there are now.
    """

    loopback: bool
    token: str | None = None
    max_connections: int = 128  # each costs a copy of the drawn points in flight, a few MB
    connections: Callable[[], int] = field(default=lambda: 0)

    def check(self, path: str, headers: Headers) -> Refusal | None:
        """None, or why the request is refused.

        Args:
            path: with the query, as sent.
            headers: of the request.
        """
        hosts = headers.get_all("Host")
        host = _split_host(hosts[0]) if len(hosts) == 1 else None
        if host is None:
            return Refusal(HTTPStatus.BAD_REQUEST, "the request must name one host")
        if self.loopback and not is_loopback(host):
            return Refusal(HTTPStatus.FORBIDDEN, "this server answers to localhost only")
        if not self._has_token(path, headers):
            return Refusal(HTTPStatus.UNAUTHORIZED, "the token is missing or wrong; open the address that was printed")
        origins = headers.get_all("Origin")
        if headers.get_all("Upgrade") or origins:
            if len(origins) != 1 or not _same_origin(origins[0], hosts[0]):
                return Refusal(HTTPStatus.FORBIDDEN, "only this server's own page may connect")
            if self.connections() >= self.max_connections:
                return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, f"{self.max_connections} connections are open already")
        return None

    def response_headers(self, path: str, headers: Headers) -> dict[str, str]:
        """What every answer to a request that passed carries.

        The page may connect to nothing but this server, whatever its address asks for (viser's page takes the address
        of another server from ?websocket=), stands in no frame, and tells no other site its address.
        """
        host = headers.get_all("Host")[0]
        policy = (
            "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
            f"connect-src 'self' data: blob: ws://{host} wss://{host}; "
            "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        )
        added = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        if self.token is not None and _token_of(path) is not None:
            value = f"{self._cookie_name(host)}={self._cookie_value()}"
            added["Set-Cookie"] = f"{value}; Path=/; HttpOnly; SameSite=Lax"
        return added

    def _has_token(self, path: str, headers: Headers) -> bool:
        if self.token is None:
            return True
        given = _token_of(path)
        if given is not None and _equal(given, self.token):
            return True
        name = self._cookie_name(headers.get_all("Host")[0])
        values = [
            value
            for line in headers.get_all("Cookie")
            for key, _, value in (pair.strip().partition("=") for pair in line.split(";"))
            if key == name
        ]
        return any(_equal(value, self._cookie_value()) for value in values)

    def _cookie_name(self, host: str) -> str:
        """With the port, as cookies are shared between all ports of a host."""
        return f"point_sam_{urlsplit(f'//{host}').port or 80}"

    def _cookie_value(self) -> str:
        """Not the token itself, which could be typed elsewhere."""
        return hmac.new((self.token or "").encode(), b"point-sam view", hashlib.sha256).hexdigest()


def check_token(token: str | None, *, loopback: bool) -> str | None:
    """The token to use; "auto" becomes a random one.

    Raises:
        ValueError: it is missing though other machines can connect, or is too short to be safe.
    """
    if token is None:
        if loopback:
            return None
        raise ValueError("other machines can connect to this host, so --token is needed; --token auto makes one")
    if token == "auto":
        return secrets.token_urlsafe(24)
    if len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable():
        raise ValueError(f"the token needs {MIN_TOKEN} printable ASCII characters or more; --token auto makes one")
    return token


def is_loopback(host: str) -> bool:
    """Whether a host, without its port, is this machine by name or address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split_host(value: str) -> str | None:
    """The name of a Host header without its port; None if it is none."""
    try:
        parts = urlsplit(f"//{value}")
        _ = parts.port
    except ValueError:
        return None
    # What goes into Content-Security-Policy as it came must be a host and nothing else.
    plain = value.isascii() and all(c.isalnum() or c in "-._:[]" for c in value)
    return parts.hostname if plain else None


def _same_origin(origin: str, host: str) -> bool:
    scheme, _, rest = origin.partition("://")
    return scheme in ("http", "https") and rest.lower() == host.lower()


def _token_of(path: str) -> str | None:
    try:
        return parse_qs(path.partition("?")[2], max_num_fields=32).get("token", [None])[0]
    except ValueError:
        return None


def _equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())
