"""Connections that lead where they may, and are kept for the next request.

A name is looked up when a connection is made. Each address that it stands for is checked, and one of those is
connected to: by the time of another look-up the name could stand for others.
"""

import socket
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NameResolutionError, NewConnectionError

from chatsse.errors import Unreadable
from chatsse.knowledge.addresses import is_public, origin_of


class _PlainConnection(HTTPConnection):
    """A connection to an address that was checked.

    :param may_be_private: whether it may be one that is not of the open Internet
    """

    def __init__(self, *args: Any, may_be_private: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._may_be_private = may_be_private

    def _new_conn(self) -> socket.socket:
        try:
            places = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, self, socket.gaierror(str(error))) from error
        if not self._may_be_private and not all(is_public(str(place[0])) for *_, place in places):
            raise Unreadable("at a private address")
        return self._connected(places)

    def _connected(self, places: list[Any]) -> socket.socket:
        trouble: OSError | None = None
        for family, kind, protocol, _, place in places:
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(self.timeout)
                sock.connect(place)
            except OSError as error:
                sock.close()
                trouble = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise NewConnectionError(self, str(trouble)) from trouble


class _TlsConnection(_PlainConnection, HTTPSConnection):
    """The same over TLS, which checks the name."""


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class Pools:
    """The connections to some hosts.

    :param named: the host, with its port, that may be at a private address
    :param most: connections to keep for each
    """

    def __init__(self, named: str, most: int) -> None:
        self._named = named
        self._most = most
        self._pools: dict[str, urllib3.HTTPConnectionPool] = {}

    def of(self, url: str) -> urllib3.HTTPConnectionPool:
        """Return the connections to the host of a normal address."""
        origin, parts = origin_of(url), urlsplit(url)
        if origin not in self._pools:
            make = _TlsPool if parts.scheme == "https" else _PlainPool
            self._pools[origin] = make(
                parts.hostname or "",
                parts.port,
                maxsize=self._most,
                may_be_private=parts.netloc == self._named,
            )
        return self._pools[origin]

    def close(self) -> None:
        """Close the connections that nobody uses."""
        for pool in self._pools.values():
            pool.close()
