"""Tables of another release are made anew, not migrated.

Why no migrations: the view holds nothing that the log does not, and a sync of the whole log takes
seconds. A migration script would be a second way to get to the same rows, and the one that is never
tested on real ones. So the tables carry a fingerprint of their columns; where it is not ours they
are dropped, and the next sync fills them again.
"""

import hashlib
from contextlib import suppress

from sqlalchemy import Engine, inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from driftloop.tools.registry.tables import SchemaRow, Table


def fingerprint() -> str:
    """A hash over every table's columns: name, type, key, nullable."""
    columns = [
        f"{table.name}.{column.name} {column.type!r} {column.primary_key} {column.nullable}"
        for table in Table.metadata.sorted_tables
        for column in table.columns
    ]
    return hashlib.sha256("\n".join(sorted(columns)).encode()).hexdigest()


def fit_schema(engine: Engine) -> bool:
    """Make the tables as this release has them; true if those of another one were thrown away.

    Only tables of the view's own names are touched.
    """
    ours = fingerprint()
    there = set(inspect(engine).get_table_names()) & set(Table.metadata.tables)
    fits = SchemaRow.__tablename__ in there and _found(engine) == ours
    if there and not fits:
        Table.metadata.drop_all(engine)
    Table.metadata.create_all(engine)
    if not fits:
        with suppress(IntegrityError), Session(engine) as session, session.begin():  # another process was as quick
            session.merge(SchemaRow(only=1, fingerprint=ours))
    return bool(there) and not fits


def _found(engine: Engine) -> str | None:
    with Session(engine) as session:
        return session.scalar(select(SchemaRow.fingerprint))
