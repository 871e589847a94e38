"""What the drop area of the batch page (assets/src/upload.js) has to know."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from intake import kinds
from intake.models import UploadBatch


def drop_area(request: HttpRequest, batch: UploadBatch) -> dict[str, Any]:
    """Addresses, limits and words. `salt` is under which the browser keeps where an upload lies on the server: file
    names must not be found out from what a shared computer keeps."""
    return {
        "endpoint": reverse("intake:tus"),
        "batch": batch.pk,
        "max_bytes": kinds.largest(None),
        "salt": salted_hmac("intake.upload", f"{request.user.pk}:{batch.pk}", algorithm="sha256").hexdigest(),
        "classes": {str(group.pk): group.class_id for group in batch.dataset.groups.all()},
        "words": {
            "note": _("DICOM, JPEG, PNG or TIFF, up to {size} each; whole folders, ZIP files too.").format(
                size=filesizeformat(settings.CXR_MAX_FILE_BYTES)
            ),
            "refused": _("The portal refused this file without saying why. Tell whoever runs it."),
            "notTaken": _("Files not taken over:"),
        },
    }
