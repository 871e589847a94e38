"""Which archives of hospitals may send: what data managers say, written down for later."""

from typing import Any

from django.db import transaction

from audit.services import record
from intake.models import DicomNode


def save_node(node: DicomNode, *, manager: Any) -> DicomNode:
    """Adds a node or keeps its changes; a valid one (`full_clean`), as the form leaves it. Nothing is ever deleted: one
    that may not send any more is made inactive, and its batches still say where they came from."""
    with transaction.atomic():
        before = DicomNode.objects.select_for_update().filter(pk=node.pk).first()
        node.save()
        changed = [
            field.name
            for field in DicomNode._meta.fields
            if before is not None and field.value_from_object(before) != field.value_from_object(node)
        ]
        if before is None:
            record("node.added", actor=manager, about=node, hospital=node.hospital.number, dataset=node.dataset.slug)
        elif changed:
            record("node.changed", actor=manager, about=node, fields=changed, active=node.is_active)
    return node
