"""How a row of the trail is chained to the one before it."""

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any, NamedTuple

from audit.keys import audit_key

FIRST_HASH = "0" * 64


class Row(NamedTuple):
    """What a row says, in the order of the fields that a query fetches (`FIELDS`)."""

    number: int
    at: datetime
    actor_id: int | None
    action: str
    object_type: str
    object_id: str
    data: dict[str, Any]
    dataset_id: int | None
    previous_hash: str


FIELDS = Row._fields
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


def digest(row: Row) -> str:
    """HMAC-SHA256 over everything that the row says, the hash of the row before included; 64 hexadecimal digits."""
    content: list[Any] = [
        row.number,
        row.at.isoformat(),
        row.actor_id,
        row.action,
        row.object_type,
        row.object_id,
        row.data,
        row.previous_hash,
    ]
    # Rows from before there was this column have none, and their hashes hold.
    if row.dataset_id is not None:
        content.append(row.dataset_id)
    return hmac.new(audit_key(), _encode(content).encode(), hashlib.sha256).hexdigest()
