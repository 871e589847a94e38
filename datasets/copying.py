"""A table of metadata straight out of PostgreSQL: the same bytes as `metadata.csv_lines`, several times as fast."""

from typing import IO

from django.db import connection
from django.db.models import QuerySet
from psycopg import sql

from datasets.metadata import FORMULA
from datasets.models import ReleaseItem


def copy_csv(items: QuerySet[ReleaseItem], columns: tuple[str, ...], file: IO[bytes]) -> None:
    """Writes the metadata of `items` as CSV into `file`, piece by piece as the server sends it (COPY)."""
    chosen, params = items.values_list("metadata").query.sql_with_params()
    cells = sql.SQL(", ").join(_cell(name) for name in columns)
    with connection.cursor() as cursor:
        # The values of the inner query are ids and numbers, put in by the client: COPY takes no parameters.
        inner = sql.SQL(cursor.mogrify(chosen, params))
        table = sql.SQL("SELECT {} FROM ({}) AS chosen (metadata)").format(cells, inner)
        with cursor.copy(sql.SQL("COPY ({}) TO STDOUT WITH (FORMAT csv, HEADER)").format(table)) as copied:
            for data in copied:
                file.write(data)


def _cell(name: str) -> sql.Composed:
    """The text of a column under its name; a formula gets an apostrophe in front, what is empty is NULL, not quoted."""
    value = sql.SQL("metadata->>{}").format(sql.Literal(name))
    text = sql.SQL("jsonb_typeof(metadata->{}) = 'string'").format(sql.Literal(name))
    formula = sql.SQL("left({}, 1) IN ({})").format(value, sql.SQL(", ").join(sql.Literal(sign) for sign in FORMULA))
    return sql.SQL("CASE WHEN {} AND {} THEN '''' || ({}) ELSE NULLIF({}, '') END AS {}").format(
        text, formula, value, value, sql.Identifier(name)
    )
