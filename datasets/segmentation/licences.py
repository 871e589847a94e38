"""Whether the licence of an image lets everybody pass it on."""

import re

# Not those with ND: a TIFF made of a JPEG might count as an adaptation. Not what is unstated or merely described.
_OPEN = re.compile(r"(CC0|CC BY(-NC)?(-SA)?|PDDL|ODC-BY|PUBLIC DOMAIN)( \d(\.\d)?)?( (INTERNATIONAL|UNPORTED|DEED))?")


def may_be_passed_on(licence: str) -> bool:
    """True only for licences known by name that allow redistribution, at least for non-commercial use."""
    plain = " ".join(licence.upper().replace("_", "-").split())
    plain = re.sub(r"^CC[- ](0|BY)", lambda found: "CC0" if found[1] == "0" else "CC BY", plain)
    return _OPEN.fullmatch(plain) is not None
