from django.db import migrations, models

# A published text never changes, whoever tries: the rows of the versions refuse it themselves. The times of grace and
# the code stay open to the services. A migration that alters this table has to lay the trigger anew on SQLite, which
# makes such tables afresh; tests/accounts/test_agreements.py finds it missing.
FROZEN = ("version", "title", "language", "text", "sha256", "replaces_id", "created_at")

SQLITE = f"""
CREATE TRIGGER accounts_agreement_frozen BEFORE UPDATE OF {", ".join(FROZEN)} ON accounts_agreement
WHEN {" OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in FROZEN)}
BEGIN SELECT RAISE(ABORT, 'a published agreement does not change'); END
"""
POSTGRESQL = f"""
CREATE FUNCTION accounts_agreement_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF {" OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in FROZEN)} THEN
    RAISE EXCEPTION 'a published agreement does not change' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER accounts_agreement_frozen BEFORE UPDATE ON accounts_agreement
FOR EACH ROW EXECUTE FUNCTION accounts_agreement_frozen()
"""


def freeze(apps, schema_editor):
    schema_editor.execute(POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE)


def thaw(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TRIGGER accounts_agreement_frozen ON accounts_agreement")
        schema_editor.execute("DROP FUNCTION accounts_agreement_frozen()")
    else:
        schema_editor.execute("DROP TRIGGER accounts_agreement_frozen")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_request_achieved")]
    operations = [
        migrations.AddField(
            model_name="agreement",
            name="language",
            field=models.CharField(default="en", max_length=8, verbose_name="language"),
        ),
        migrations.RunPython(freeze, thaw),
    ]
