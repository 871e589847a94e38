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


def raise_guard(connection: Any) -> None:
    """Lays the triggers down; from then on rows can be added and nothing else."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'insufficient_privilege'; END $$"
            )
            cursor.execute(
                f"CREATE TRIGGER {_POSTGRESQL} BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event "
                "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"
            )
            # ALWAYS: also for a session that calls itself a replica, which ordinary triggers let pass.
            cursor.execute(f"ALTER TABLE audit_event ENABLE ALWAYS TRIGGER {_POSTGRESQL}")
        else:
            for name, when in _SQLITE.items():
                cursor.execute(f"CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END")


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
    """Whether every trigger is there and switched on."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT count(*) FROM pg_trigger WHERE tgname = %s AND tgrelid = 'audit_event'::regclass "
                "AND tgenabled = 'A'",
                [_POSTGRESQL],
            )
            return bool(cursor.fetchone()[0] == 1)
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_event'")
        return set(_SQLITE) <= {name for (name,) in cursor.fetchall()}
