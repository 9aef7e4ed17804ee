"""Parse listening addresses and open their sockets."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from iiniit_guard.errors import SettingsError

_UNIX: Final = "unix:"
_BACKLOG: Final = 2048
# The guard trusts every process that may write to the socket as it trusts the gateway.
_SOCKET_MODE: Final = 0o660


def bind_fault(value: object) -> str | None:
    """Return why `value` is not a valid listening address, or None if it is valid."""
    place = str(value)
    if place.startswith(_UNIX):
        return None if len(place) > len(_UNIX) else "unix: must be followed by a path"
    if place.isascii() and place.lstrip(":").isdecimal():
        return (
            f"{place!r} must be host:port; for this port on loopback write "
            f"'127.0.0.1:{place.lstrip(':')}'"
        )
    host, port = _split(place)
    if not (host and port.isascii() and port.isdecimal() and int(port) < 65536):
        return f"{place!r} must be host:port, [address]:port or unix:/path"
    return None


def open_sockets(places: Iterable[str], setting: str = "bind") -> list[socket.socket]:
    """Open a listening socket for each address. Workers share the sockets.

    Args:
        places: The addresses.
        setting: The setting that names them, for the fault.

    Raises:
        SettingsError: An address is in use, unknown or not available on this host. The sockets
            that the function has already opened are closed.
    """
    opened: list[socket.socket] = []
    for place in places:
        try:
            opened.append(_open(place))
        except OSError as error:
            for each in opened:
                each.close()
            raise SettingsError([f"{setting}: {place}: {_why(error, place)}"]) from None
    return opened


def _why(error: OSError, place: str) -> str:
    """Return why a socket cannot be opened; for a missing directory, also what to do."""
    directory = Path(place.removeprefix(_UNIX)).parent
    if isinstance(error, FileNotFoundError) and not directory.is_dir():
        return f"the directory {directory} does not exist; create it"
    return error.strerror or type(error).__name__


def name_of(opened: socket.socket) -> str:
    """Return the address of a listening socket, as settings write it."""
    address = opened.getsockname()
    if opened.family == socket.AF_UNIX:
        return f"{_UNIX}{address}"
    host = f"[{address[0]}]" if opened.family == socket.AF_INET6 else address[0]
    return f"{host}:{address[1]}"


def remove_unix_sockets(places: Iterable[str]) -> None:
    """Remove the files of Unix sockets after their sockets were closed."""
    for place in places:
        if place.startswith(_UNIX):
            Path(place[len(_UNIX) :]).unlink(missing_ok=True)


def _open(place: str) -> socket.socket:
    if place.startswith(_UNIX):
        return _open_unix(place[len(_UNIX) :])
    host, port = _split(place)
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(_BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened


def _open_unix(path: str) -> socket.socket:
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_abandoned(path):  # a killed process does not remove its socket file
            Path(path).unlink()
        opened.bind(path)
        Path(path).chmod(_SOCKET_MODE)
        opened.listen(_BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened


def _is_abandoned(path: str) -> bool:
    if not Path(path).exists() or not stat.S_ISSOCK(Path(path).stat().st_mode):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        return False


def _split(place: str) -> tuple[str, str]:
    host, _, port = place.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), port
