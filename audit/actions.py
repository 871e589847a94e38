"""What every action of the trail means. docs/audit.md shows the same table; a test holds both to the code."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# By area; the order is that of the list on the page.
AREAS: dict[str, tuple[Promise | str, dict[str, Any]]] = {
    "people": (
        _("People"),
        {
            "person.registered": _("registered"),
            "person.email_confirmed": _("confirmed the e-mail address"),
            "person.logged_in": _("signed in"),
            "person.login_failed": _("sign-in failed"),
            "person.logged_out": _("signed out"),
            "person.password_changed": _("changed the password"),
            "person.password_reset": _("reset the password by e-mail"),
            "person.authenticator_added": _("set up a second factor"),
            "person.authenticator_removed": _("removed a second factor"),
            "person.authenticator_reset": _("made new recovery codes"),
            "person.second_factor_failed": _("second factor failed"),
            "person.email_added": _("added an e-mail address"),
            "person.email_changed": _("changed the e-mail address"),
            "person.email_removed": _("removed an e-mail address"),
            "person.login_added": _("connected a sign-in of another provider"),
            "person.login_removed": _("disconnected a sign-in of another provider"),
            "person.data_exported": _("took the own data along"),
            "person.closed": _("account closed"),
            "person.locked": _("account locked"),
            "person.unlocked": _("account unlocked"),
            "person.changed": _("changed the own details"),
            "person.added": _("account made on the command line"),
            "person.roles_given": _("roles given on the command line"),
            "role.given": _("role given"),
            "role.taken": _("role taken away"),
            "person.invited": _("invitation sent"),
            "invitation.resent": _("invitation sent again"),
            "invitation.revoked": _("invitation taken back"),
            "invitation.accepted": _("invitation accepted"),
            "membership.ended": _("membership of a hospital ended"),
            "hospital.created": _("hospital added"),
            "institution.changed": _("institution changed"),
            "institution.merged": _("institutions merged"),
            "token.issued": _("API token made"),
            "token.revoked": _("API token revoked"),
            "token.refused": _("API token refused"),
        },
    ),
    "access": (
        _("Agreements and access"),
        {
            "agreement.published": _("agreement published"),
            "agreement.signed": _("agreement signed"),
            "agreement.signatures_exported": _("list of signatures exported"),
            "request.saved": _("draft of a request saved"),
            "request.submitted": _("access requested"),
            "request.message": _("message about a request"),
            "request.more_information": _("more information asked"),
            "request.reminded": _("reviewers reminded of a request"),
            "request.granted": _("request granted"),
            "request.refused": _("request refused"),
            "request.withdrawn": _("request withdrawn"),
            "grant.revoked": _("access revoked"),
            "grant.ended": _("access ended before its time"),
            "grant.expired": _("access expired"),
            "reason_template.saved": _("template for a reason saved"),
            "reason_template.deleted": _("template for a reason deleted"),
            "access.denied": _("refused"),
            "access.denied_often": _("refused again and again; further refusals of this hour are not listed"),
        },
    ),
    "files": (
        _("Uploads"),
        {
            "batch.opened": _("batch opened"),
            "batch.summarised": _("summary of a batch sent"),
            "batch.exported": _("fate of a batch exported"),
            "file.received": _("file received"),
            "file.edited": _("description of a file changed"),
            "table.applied": _("table of a batch applied"),
            "stage.done": _("stage done"),
            "file.set_aside": _("file set aside for a person"),
            "file.retried": _("file tried again"),
            "file.duplicate": _("file recognised as sent before"),
            "file.withdrawn": _("file withdrawn by the hospital"),
            "file.purged": _("original destroyed"),
            "file_names.purged": _("file names destroyed"),
            "table_rows.purged": _("rows of tables destroyed"),
            "node.added": _("sending archive (PACS) added"),
            "node.changed": _("sending archive (PACS) changed"),
        },
    ),
    "curation": (
        _("Curation"),
        {
            "curation.looked": _("looked at an image in quarantine"),
            "curation.repainted": _("painted boxes of an image changed"),
            "file.accepted": _("image accepted"),
            "file.rejected": _("image rejected"),
        },
    ),
    "datasets": (
        _("Datasets and releases"),
        {
            "dataset.created": _("dataset created"),
            "dataset.changed": _("dataset changed"),
            "radiograph.added": _("radiograph added to the library"),
            "radiograph.described": _("description of a radiograph completed"),
            "radiograph.withdrawn": _("radiograph withdrawn before a release"),
            "source.added": _("source of masks added"),
            "source.changed": _("source of masks changed"),
            "mask.added": _("hand-drawn mask added"),
            "mask.changed": _("hand-drawn mask changed"),
            "dataset.reviewers": _("reviewers of a dataset set"),
            "dataset.described": _("description of a dataset for machines changed"),
            "dataset.findings_set": _("findings of a dataset set"),
            "radiographs.labelled": _("findings of radiographs set"),
            "release.doi_given": _("DOI of a release given"),
            "release.created": _("release made"),
            "release.frozen": _("content of a release frozen"),
            "release.published": _("release published"),
            "release.deprecated": _("release deprecated"),
            "release.undeprecated": _("deprecation of a release taken back"),
            "release.dropped": _("unfinished release dropped"),
            "release.reordered": _("archives of a release set to be built again"),
            "archive.built": _("archive built"),
            "archive.failed": _("archive failed"),
            "archive.retried": _("archive tried again"),
            "images.withdrawn": _("images withdrawn from all releases"),
            "withdrawal.finished": _("withdrawal finished"),
            "withdrawal.told": _("told of a withdrawal"),
            "image.reported": _("image reported"),
            "image_report.closed": _("report about an image closed"),
        },
    ),
    "downloads": (
        _("Downloads"),
        {
            "download.started": _("download began"),
            "download.finished": _("download ended"),
            "download.refused": _("download refused"),
            "download.links_made": _("signed links made"),
            "cohort.saved": _("choice of images saved"),
            "usage.exported": _("usage of a dataset exported"),
        },
    ),
    "system": (
        _("Installation"),
        {
            "settings.changed": _("settings changed"),
            "keys.rotated": _("keys rotated"),
            "audit.anchored": _("trail anchored"),
            "audit.anchors_restarted": _("anchors begun anew"),
            "audit.exported": _("audit trail exported"),
        },
    ),
    "backoffice": (
        _("Back office"),
        {
            "user.created": _("account made"),
            "user.changed": _("account changed"),
            "user.deleted": _("account deleted"),
            "hospital.changed": _("hospital changed"),
            "hospital.deleted": _("hospital deleted"),
            "hospitalmembership.created": _("membership of a hospital given"),
            "hospitalmembership.changed": _("membership of a hospital changed"),
            "hospitalmembership.deleted": _("membership of a hospital taken away"),
        },
    ),
}
ACTIONS: dict[str, Any] = {action: meaning for _area, actions in AREAS.values() for action, meaning in actions.items()}

# Names of details that are more than their own word.
DETAILS: dict[str, Any] = {
    "bytes_sent": _("bytes sent"),
    "by_person": _("by a person"),
    "code": _("reason"),
    "first_byte": _("first byte"),
    "last_byte": _("last byte"),
    "ms": _("milliseconds"),
    "more_than": _("more than"),
    "text_sha256": _("SHA-256 of the text"),
    "mac": _("signature"),
}
# Details that only programs need.
HIDDEN = {"fingerprints"}


def meaning(action: str) -> str:
    """The action in words; an action of another version of the program is its own word."""
    return str(ACTIONS.get(action, action))
