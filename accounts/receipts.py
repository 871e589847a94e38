"""The documents about agreements: a version as PDF, and the receipt that a signer gets."""

import hashlib

from django.conf import settings
from django.core.cache import cache
from django.utils import translation
from django.utils.text import slugify
from django.utils.translation import gettext as _

from accounts.errors import AccountsError
from accounts.markdown import to_blocks
from accounts.models import Agreement, Signature
from accounts.pdf import TEMPLATE_HASH, Document, make_pdf

_DAY = 24 * 3600


def text_hash(text: str) -> str:
    """SHA-256 of the text in UTF-8, as hex digits: what a signature freezes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def agreement_pdf(agreement: Agreement) -> bytes:
    """The version as PDF, in its own language. Kept for a day, since everybody may ask for it."""
    key = f"agreement-pdf:{agreement.pk}:{agreement.sha256}:{TEMPLATE_HASH}"
    pdf: bytes | None = cache.get(key)
    if pdf is None:
        with translation.override(agreement.language):
            pdf = make_pdf(
                Document(
                    title=agreement.title,
                    language=agreement.language,
                    made_at=agreement.created_at,
                    author="CXR Commons",
                    lead=_("Version %(version)s") % {"version": agreement.version},
                    footer=f"{agreement.title} · {agreement.version} · SHA-256 {agreement.sha256}",
                    blocks=to_blocks(agreement.text),
                )
            )
        cache.set(key, pdf, _DAY)
    return pdf


def receipt_pdf(signature: Signature) -> bytes:
    """Who signed what and when, with the whole text; the same bytes whenever it is asked for.

    Raises `AccountsError` where the stored text is no longer the one that was signed."""
    agreement = signature.agreement
    if text_hash(agreement.text) != signature.text_sha256:
        raise AccountsError(_("The stored text is not the one that was signed. Tell a data manager."))
    with translation.override(agreement.language):
        text = {"type": "heading", "level": 2, "children": [_word(_("The text that was signed"))]}
        return make_pdf(
            Document(
                title=_("Receipt of a signature: %(title)s") % {"title": agreement.title},
                language=agreement.language,
                made_at=signature.at,
                author="CXR Commons",
                lead=_("Keep this receipt. It shows what you agreed to, word for word."),
                facts=[
                    (_("Agreement"), f"{agreement.title}, {agreement.version}"),
                    (_("Name as signed"), signature.typed_name),
                    (_("Institution"), signature.institution),
                    (_("Time"), f"{signature.at:%Y-%m-%d %H:%M:%S} UTC"),
                    (_("SHA-256 of the text"), signature.text_sha256),
                    (_("Number of the signature"), str(signature.pk)),
                    (_("Portal"), settings.CXR_ORIGIN),
                ],
                footer=f"{settings.CXR_ORIGIN} · {signature.pk} · SHA-256 {signature.text_sha256}",
                blocks=[text, *to_blocks(agreement.text, heading_level=3)],
            )
        )


def agreement_file_name(agreement: Agreement) -> str:
    return f"{slugify(agreement.code)}-{slugify(agreement.version) or agreement.pk}.pdf"


def receipt_file_name(signature: Signature) -> str:
    return f"receipt-{signature.pk}-{agreement_file_name(signature.agreement)}"


def _word(text: str) -> dict[str, object]:
    return {"type": "text", "text": text, "children": []}
