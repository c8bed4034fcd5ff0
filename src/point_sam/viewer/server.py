"""viser's server, made safe: bound where it was asked to, guarded at every request, without the public tunnel.

viser takes the next port when one is taken, and prints addresses of its own. Its server is started here on a socket
that is already bound, with our checks round its answers.
"""

import contextlib
import errno
import io
import socket
from typing import TYPE_CHECKING
from urllib.parse import quote

from point_sam.viewer.security import Gate, is_loopback
from point_sam.viewer.viser_private import check_version, guarded

if TYPE_CHECKING:
    from viser import ViserServer


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
        from viser import ViserServer
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
    with guarded(bound, gate) as served, contextlib.redirect_stdout(io.StringIO()):
        server = GuardedServer(host=host, port=port, verbose=False)
    try:
        check_version(server, served)
    except RuntimeError:
        stop(server)
        raise
    server.gui.configure_theme(show_share_button=False, show_logo=False, control_width="medium")
    return server


def stop(server: "ViserServer") -> None:
    """Stop it, silently."""
    with contextlib.redirect_stdout(io.StringIO()):
        server.stop()
