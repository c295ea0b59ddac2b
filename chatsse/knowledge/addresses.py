"""Addresses: in one spelling, so that they can be compared; and which of them are the public's. Pure."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urljoin, urlsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from chatsse.errors import Unreadable

PORTS = {"http": 80, "https": 443}
# Where networks without IPv4 show the rest of the world to their machines (RFC 6052).
TRANSLATED = IPv6Network("64:ff9b::/96")
# Private ones of old, which Python takes for global (RFC 3879).
SITE_LOCAL = IPv6Network("fec0::/10")


def normal(address: str, base: str = "") -> str:
    """Return an address of the web in its one spelling, without a fragment.

    :param base: the address of the page that names it
    :raises Unreadable: it is none
    """
    try:
        parts = parse_url(urljoin(base, address.strip()))
    except (LocationParseError, ValueError) as error:
        raise Unreadable("not an address") from error
    if parts.scheme not in PORTS or not parts.host:
        raise Unreadable("not an address")
    if parts.auth:
        raise Unreadable("an address with a password")
    port = None if parts.port == PORTS[parts.scheme] else parts.port
    return Url(parts.scheme, None, parts.host, port, parts.path or "/", parts.query).url


def each_normal(addresses: Iterable[str], base: str = "") -> Iterator[str]:
    """Yield those that are addresses of the web, in their one spelling."""
    for address in addresses:
        with suppress(Unreadable):
            yield normal(address, base)


def host_of(address: str) -> str:
    """Return the host of a normal address, with the port if it is not the scheme's own."""
    return urlsplit(address).netloc


def site_of(address: str) -> str:
    """Return what the addresses of one site have in common: the host, less `www.`."""
    return host_of(address).removeprefix("www.")


def origin_of(address: str) -> str:
    """Return the scheme and the host of a normal address, as its pages' addresses begin."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def is_front(address: str) -> bool:
    """Whether a normal address is that of a site's front page."""
    return address == origin_of(address) + "/"


def is_public(ip: str) -> bool:
    """Whether an IP address is one of the open Internet: not private, local, reserved or a group's."""
    address = _inner(ip_address(ip))
    is_special = address.is_multicast or address.is_reserved or address in SITE_LOCAL
    return address.is_global and not is_special


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
