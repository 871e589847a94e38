from typing import Any

from accounts.receipts import text_hash
from tests.permissions.rows import Row
from tests.world import World

MANAGER = "login 403 403 403 403 403 403"


def _agreement(world: World) -> dict[str, Any]:
    return {"pk": world.agreement.pk}


def _none(world: World) -> dict[str, Any]:
    return {"pk": 10**6}


def _signature(world: World) -> dict[str, Any]:
    return {"pk": world.granted.signatures.get().pk}


def _text(**more: object) -> dict[str, Any]:
    """A text of an agreement whose preview was looked at."""
    text = "You will tell nobody."
    words = {"title": "Agreement", "version": "2", "language": "en", "text": text}
    return {**words, "action": "publish", "previewed": text_hash(text), **more}


ROWS = [
    #                                    anon  rese gran expi hosp othe cura mana
    Row("accounts:agreement_pdf", "200", args=_agreement),
    Row("accounts:agreement_pdf", "404", args=_none),
    Row("accounts:agreement_pdf", "405", method="POST", args=_agreement),
    # The signature is of `granted`; for everybody else it does not exist.
    Row("accounts:receipt", "login 404 200 404 404 404 404 404", args=_signature),
    Row("accounts:receipt", "login 405 405 405 405 405 405 405", method="POST", args=_signature),
    Row("accounts:my_data", "login 200 200 200 200 200 200 200"),
    Row("accounts:my_data", "login 200 200 200 200 200 200 200", method="POST"),
    # Everybody is asked for the password again first.
    Row("accounts:close", "login 302 302 302 302 302 302 302"),
    Row("accounts:close", "login 302 302 302 302 302 302 302", method="POST", data=lambda world: {"understood": "on"}),
    Row(
        "accounts:person_account",
        f"{MANAGER} 302",
        method="POST",
        args=lambda world: {"pk": world.granted.pk},
        data=lambda world: {"action": "lock", "reason": "misuse"},
    ),
    Row("accounts:person_account", f"{MANAGER} 405", args=lambda world: {"pk": world.granted.pk}),
    Row("accounts:manage_agreements", f"{MANAGER} 200"),
    Row("accounts:manage_agreements", f"{MANAGER} 405", method="POST"),
    Row("accounts:agreement_new", f"{MANAGER} 200"),
    Row("accounts:agreement_new", f"{MANAGER} 302", method="POST", data=lambda world: _text(code="other")),
    Row("accounts:manage_agreement", f"{MANAGER} 200", args=_agreement),
    Row("accounts:manage_agreement", f"{MANAGER} 404", args=_none),
    Row("accounts:agreement_signatures", f"{MANAGER} 200", args=_agreement),
    Row("accounts:agreement_signatures", f"{MANAGER} 405", method="POST", args=_agreement),
    Row("accounts:agreement_replace", f"{MANAGER} 200", args=_agreement),
    Row(
        "accounts:agreement_replace",
        f"{MANAGER} 302",
        method="POST",
        args=_agreement,
        data=lambda world: _text(grace_days=30),
    ),
]
