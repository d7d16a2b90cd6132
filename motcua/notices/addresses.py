"""Which internet addresses lie outside: a webhook must not reach into the network it is sent from."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

NAT64 = IPv6Network("64:ff9b::/96")


def outside(address: str) -> bool:
    """Whether an address is one of the public internet, also by the IPv4 address that it holds."""
    found = ip_address(address)
    held = _held(found) if isinstance(found, IPv6Address) else None
    if held is not None:
        return _public(held)
    return _public(found)


def _held(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address to which packets for an IPv6 address go in the end."""
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _public(address: IPv4Address | IPv6Address) -> bool:
    # `is_global` alone is true of some multicast, reserved and site-local addresses, and of Teredo's.
    if isinstance(address, IPv6Address) and (address.is_site_local or address.teredo):
        return False
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_unspecified
    )
