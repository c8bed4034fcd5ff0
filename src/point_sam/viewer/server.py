"""viser's server, made safe: bound where it was asked to, guarded at every request, without the public tunnel.

viser 1.1 has no setting for any of this, takes the next port when one is taken, and prints addresses of its own. Its
server is started here on a socket that is already bound, and through `websockets.asyncio.server.serve` with our checks
around viser's: `start` fails if viser ever stops going that way, rather than serving unguarded.
"""

import contextlib
import errno
import io
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from point_sam.viewer.security import Gate, is_loopback

if TYPE_CHECKING:
    from viser import ViserServer

MAX_MESSAGE = 4 << 20  # bytes from a browser; uploads come in parts of 512 KiB
_STARTING = threading.Lock()


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to a port, 0 for any free one.

    Raises:
        OSError: the port is taken, or the host is not of this machine; one line that says which.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=128)
    except socket.gaierror as err:
        raise OSError(f"--host {host}: not a host of this machine ({err.strerror})") from err
    except OSError as err:
        why = {
            errno.EADDRINUSE: "is taken; give another --port",
            errno.EACCES: "needs rights that you do not have; give a --port from 1024 on",
            errno.EADDRNOTAVAIL: "cannot be bound: the host is not an address of this machine",
        }.get(err.errno or 0, f"cannot be bound: {err.strerror}")
        raise OSError(f"port {port} of {host} {why}") from err


def address_of(bound: socket.socket) -> tuple[str, int]:
    """Host and port of a bound socket."""
    host, port = bound.getsockname()[:2]
    return str(host), int(port)


def url_of(bound: socket.socket, token: str | None = None) -> str:
    """What to open in a browser on this machine."""
    host, port = address_of(bound)
    name = "localhost" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/" + ("" if token is None else f"?token={quote(token, safe='')}")


def start(bound: socket.socket, *, token: str | None = None, max_connections: int = 128) -> "ViserServer":
    """A running viser server on that socket, guarded by a `Gate`.

    Raises:
        ImportError: viser is not installed.
        RuntimeError: this version of viser cannot be guarded.
    """
    try:
        from viser import ViserServer, _messages
    except ImportError as err:
        raise ImportError("the viewer needs viser: pip install 'point-sam[viewer]'") from err

    class GuardedServer(ViserServer):
        """Without the tunnel that lends the server to anybody who has its address."""

        def request_share_url(self, verbose: bool = True) -> str | None:
            """Refused: sharing is off for good."""
            return None

        def disconnect_share_url(self) -> None:
            """There is nothing to disconnect."""

    host, port = address_of(bound)
    gate = Gate(is_loopback(host), token, max_connections)
    with _guarded(bound, gate) as guarded, contextlib.redirect_stdout(io.StringIO()):
        server = GuardedServer(host=host, port=port, verbose=False)
    if not guarded:
        server.stop()
        raise RuntimeError("this version of viser cannot be guarded; install viser 1.1")
    connection = server._websock_server
    for kind in (_messages.ShareUrlRequest, _messages.ShareUrlDisconnect):
        connection.unregister_handler(kind)
    server.gui.configure_theme(show_share_button=False, show_logo=False, control_width="medium")
    return server


def stop(server: "ViserServer") -> None:
    """Stop it, silently."""
    with contextlib.redirect_stdout(io.StringIO()):
        server.stop()


@contextlib.contextmanager
def _guarded(bound: socket.socket, gate: Gate) -> Iterator[list[object]]:
    """While this is open, whatever websockets serves listens on `bound` and asks `gate`; the list tells what did."""
    import websockets.asyncio.server as websockets_server

    original = websockets_server.serve
    served: list[object] = []

    def serve(handler: Callable[[Any], Awaitable[None]], host: Any, port: Any, **options: Any) -> Any:
        if served:
            raise RuntimeError("one socket serves one server")
        open_now: set[Any] = set()
        guard = replace(gate, connections=lambda: len(open_now))

        async def handle(connection: Any) -> None:
            open_now.add(connection)
            try:
                await handler(connection)
            finally:
                open_now.discard(connection)

        answer = options.pop("process_request")

        def process_request(connection: Any, request: Any) -> Any:
            refusal = guard.check(request.path, request.headers)
            if refusal is not None:
                return connection.respond(refusal.status, f"{refusal.reason}\n")
            return answer(connection, request)

        def process_response(connection: Any, request: Any, response: Any) -> None:
            if response.status_code < 400:
                for name, value in guard.response_headers(request.path, request.headers).items():
                    response.headers[name] = value

        options |= {"max_size": MAX_MESSAGE, "logger": _logger()}
        served.append(guard)
        return original(
            handle, sock=bound, process_request=process_request, process_response=process_response, **options
        )

    with _STARTING:
        websockets_server.serve = serve  # type: ignore[assignment, misc]
        try:
            yield served
        finally:
            websockets_server.serve = original  # type: ignore[misc]


def _logger() -> logging.Logger:
    """Broken requests are others' mistakes: not worth a line each, and no traceback on the terminal."""
    logger = logging.getLogger("point_sam.viewer.websockets")
    logger.setLevel(logging.CRITICAL)
    return logger
