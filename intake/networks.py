"""IP addresses and networks as people write them: separated by commas."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


def networks(text: str) -> list[IPv4Network | IPv6Network]:
    """What stands in `text`; a single address is a network of one. Raises ValueError."""
    return [ip_network(part.strip()) for part in text.split(",") if part.strip()]


def check_networks(text: str) -> None:
    """A validator of model fields."""
    try:
        found = networks(text)
    except ValueError:
        found = []
    if not found:
        raise ValidationError(_("Write IP addresses or networks, separated by commas: 10.1.2.3, 10.4.0.0/16."))


def contain(text: str, address: str) -> bool:
    """Whether `address` is one of those in `text`. An IPv4 address that came over an IPv6 socket counts as itself."""
    found = ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in networks(text))
