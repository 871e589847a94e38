"""The database itself refuses to change what the trail says: triggers, in the dialects of both databases.

Migration 0002 lays them down. A change here needs a migration that lowers the old ones and raises the new ones.
"""

from typing import Any

REFUSAL = "The audit trail is append-only."

_SQLITE = {
    "audit_event_no_update": "BEFORE UPDATE ON audit_event",
    "audit_event_no_delete": "BEFORE DELETE ON audit_event",
    # INSERT OR REPLACE removes the row that is in its way without asking the trigger above.
    "audit_event_no_replace": (
        "BEFORE INSERT ON audit_event WHEN EXISTS "
        "(SELECT 1 FROM audit_event WHERE number = NEW.number OR id = NEW.id OR hash = NEW.hash)"
    ),
}
_POSTGRESQL = "audit_event_append_only"
_BEFORE_UPDATE_DELETE_TRUNCATE = 2 | 16 | 8 | 32  # pg_trigger.tgtype, for each statement
_BODY = f" BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'insufficient_privilege'; END "


def _sqlite(name: str) -> str:
    return f"CREATE TRIGGER {name} {_SQLITE[name]} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"


def raise_guard(connection: Any) -> None:
    """Lays the triggers down; from then on rows can be added and nothing else."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $${_BODY}$$")
            cursor.execute(
                f"CREATE TRIGGER {_POSTGRESQL} BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event "
                "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"
            )
            # ALWAYS: also for a session that calls itself a replica, which ordinary triggers let pass.
            cursor.execute(f"ALTER TABLE audit_event ENABLE ALWAYS TRIGGER {_POSTGRESQL}")
        else:
            for name in _SQLITE:
                cursor.execute(_sqlite(name))


def lower_guard(connection: Any) -> None:
    """Takes the triggers away, for a migration backwards."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"DROP TRIGGER IF EXISTS {_POSTGRESQL} ON audit_event")
            cursor.execute("DROP FUNCTION IF EXISTS audit_refuse()")
        else:
            for name in _SQLITE:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")


def guard_stands(connection: Any) -> bool:
    """Whether every trigger is there, does what `raise_guard` made it do, and is switched on."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT count(*) FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
                "WHERE tgname = %s AND tgrelid = 'audit_event'::regclass AND tgenabled = 'A' "
                "AND tgtype = %s AND tgqual IS NULL AND prosrc = %s",
                [_POSTGRESQL, _BEFORE_UPDATE_DELETE_TRUNCATE, _BODY],
            )
            return bool(cursor.fetchone()[0] == 1)
        # Its words too: a trigger of that name may do nothing.
        cursor.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_event'")
        return {_sqlite(name) for name in _SQLITE} <= {words for (words,) in cursor.fetchall()}
