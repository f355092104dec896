"""Arrow IPC: one record, many rows of one model, columns named as in frames."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftloop.codec.arrow import only_batch, schema_bytes
from driftloop.codec.frames import FEATURE, LABEL, PREDICTION, ROW_COLUMNS, SEGMENT, SHADOW
from driftloop.contracts.message import LONGEST_ID
from driftloop.contracts.outcome_fields import LABEL_SOURCES, OUTCOME_FIELDS
from outcome_ingestion.core.decode.arrow_casts import categories, moments, plain
from outcome_ingestion.core.decode.column_records import fitted
from outcome_ingestion.core.decode.json_rows import Find
from outcome_ingestion.core.decode.layout import ARROW_KINDS, Layout
from outcome_ingestion.core.decode.lists.series import series_column
from outcome_ingestion.core.decode.lists.vectors import as_lists, vector_column
from outcome_ingestion.core.frames.blocks import ROWS_A_RECORD, Block, present
from outcome_ingestion.core.identity.text_hashes import text_parts
from outcome_ingestion.core.refusal import Refusal, invalid, undecodable, unknown_model
from outcome_ingestion.core.versions import BAD_VERSION, VERSION

Refused = dict[int, Refusal]
Group = list[tuple[int, bytes, pa.Table | pa.RecordBatch]]
"""Records whose schemas are alike: number, value, and rows (a batch where those are not proven sound yet)."""
Opened = list[tuple[int, pa.Table]]
MODEL_ID = b"model_id"
_SOURCES = pa.array(LABEL_SOURCES)
_COMPLETE = ("labelled_at", "model_version", "label_source")
"""Columns that every block has, given or not."""
_WHOLE = [field for field in OUTCOME_FIELDS if field.kind == "whole"]
UNREADABLE = (pa.ArrowException, OSError, ValueError, TypeError, OverflowError, MemoryError)
"""What pyarrow raises on a stream that is damaged: some of it late, when a name or a zone is first read."""


def arrow_blocks(records: Sequence[tuple[int, bytes]], find: Find) -> tuple[list[Block], Refused]:
    """The rows of all records, one block for those that look alike, and the records that are no such stream."""
    groups: dict[pa.Schema, Group] = {}
    dead: Refused = {}
    schemas: dict[bytes, tuple[pa.Schema, Group]] = {}
    for index, value in records:
        try:
            group, rows = _alike(value, schemas)
            if rows is None:
                rows = _open(value)
                group = groups.setdefault(rows.schema, [])
                schemas[schema_bytes(value)] = rows.schema, group
            group.append((index, value, rows))
        except Refusal as refusal:
            dead[index] = refusal
        except UNREADABLE as error:
            dead[index] = undecodable(error)
    sound = [_sound(group, dead) for group in groups.values()]
    return [block for group in sound if group for block in _readable(group, find, dead)], dead


def _alike(value: bytes, schemas: Mapping[bytes, tuple[pa.Schema, Group]]) -> tuple[Group, pa.RecordBatch | None]:
    """The rows of a stream that begins as an earlier one of the batch, and those that they go with.

    None where it is not alike or has anything unusual; the rows are not proven sound yet.
    """
    schema, group = schemas.get(schema_bytes(value), (None, []))
    if schema is None:
        return group, None
    try:
        rows = only_batch(value, schema)
    except UNREADABLE:
        return group, None
    return group, rows if rows is not None and 0 < len(rows) < ROWS_A_RECORD else None


def _sound(group: Group, dead: Refused) -> Opened:
    """The rows of a group, proven sound: where one lies the others are looked at one by one."""
    tables = [(i, pa.Table.from_batches([r]) if isinstance(r, pa.RecordBatch) else r) for i, _, r in group]
    taken = [r for _, _, r in group if isinstance(r, pa.RecordBatch)]
    if not taken:
        return tables
    try:
        pa.Table.from_batches(taken).validate(full=True)
    except UNREADABLE:
        tables = []
        for index, value, _ in group:
            try:
                tables.append((index, _open(value)))
            except Refusal as refusal:
                dead[index] = refusal
            except UNREADABLE as error:
                dead[index] = undecodable(error)
    return tables


def _readable(group: Opened, find: Find, dead: Refused) -> list[Block]:
    """One block of all the tables; where that is refused, one of each that is not."""
    try:
        return [_block(group, find)]
    except (Refusal, *UNREADABLE) as error:
        if len(group) == 1:
            dead[group[0][0]] = error if isinstance(error, Refusal) else undecodable(error)
            return []
    return [block for one in group for block in _readable([one], find, dead)]


def _block(group: Opened, find: Find) -> Block:
    tables = [table for _, table in group]
    model_id = tables[0].schema.metadata[MODEL_ID].decode("utf-8", "replace")
    reader = find(model_id)
    if reader is None:
        raise unknown_model(model_id)
    whole = pa.concat_tables(tables).combine_chunks()
    table = {name: whole.column(name).chunk(0) for name in whole.schema.names}
    refused: Refused = {}
    wanted = _wanted(table, reader.layout)
    widths = {FEATURE + name: width for name, width in reader.layout.widths.items()}
    columns = {
        name: _vectors(table[name], widths[name], name, refused)
        if name in widths
        else _column(table[name], kind, name, refused)
        for name, kind in wanted.items()
        if name in table
    }
    for name in ("prediction_id", "predicted_at"):
        if name not in columns:
            raise invalid("MissingField", f"the column '{name}' is missing")
    known = {FEATURE + name for name in reader.layout.raw}
    reader.extra_features += len(whole) * sum(name.startswith(FEATURE) and name not in known for name in table)
    ids = _ids(columns.pop("prediction_id"), refused)
    _complete(columns, reader.layout, len(ids), refused)
    counts = [len(table) for table in tables]
    firsts = np.repeat([index * ROWS_A_RECORD for index, _ in group], counts)
    places = firsts + np.concatenate([np.arange(count) for count in counts])
    return Block(reader.layout, ids, places, np.zeros(len(ids), dtype=np.int64), columns, refused)


def _vectors(given: pa.Array, width: int, name: str, refused: Refused) -> pa.Array:
    values = as_lists(plain(given, name))
    if values is None:
        raise invalid("WrongType", f"the column '{name}' is {given.type}: a vector is a list of numbers")
    return vector_column(values, width, name.removeprefix(FEATURE), refused)


def _open(value: bytes) -> pa.Table:
    """The rows of one stream, proven sound: offsets and lengths that lie are found here."""
    table = pa.ipc.open_stream(value).read_all()
    table.validate(full=True)
    if not 0 < len(table) < ROWS_A_RECORD:
        raise invalid("BadColumns", f"a record holds 1 to {ROWS_A_RECORD - 1} rows, this one {len(table)}")
    if MODEL_ID not in (table.schema.metadata or {}):
        raise invalid("MissingField", "the schema's metadata lacks 'model_id'")
    if len(set(table.schema.names)) != len(table.schema.names):
        raise invalid("BadColumns", "two columns have the same name")
    return table


def _wanted(table: dict[str, pa.Array], layout: Layout) -> dict[str, pa.DataType]:
    """Name → type of every column that a row of this layout may have."""
    wanted = {name: kind for name, kind in ROW_COLUMNS.items() if name != "event"}
    wanted |= {FEATURE + name: ARROW_KINDS[kind] for name, kind in layout.raw.items()}
    prefixes = [PREDICTION, LABEL]
    for name in table:
        version, _, field = name.removeprefix(SHADOW).rpartition(".")
        if name.startswith(SHADOW) and field in layout.target:
            if not VERSION.fullmatch(version):
                raise invalid("BadVersion", f"the shadow version '{version[:40]}' {BAD_VERSION}")
            prefixes.append(f"{SHADOW}{version}.")
    for prefix in prefixes:
        wanted |= {prefix + name: ARROW_KINDS[field.kind] for name, field in layout.target.items()}
    return wanted | {SEGMENT + name: pa.string() for name in layout.spec.segments}


def _column(given: pa.Array, kind: pa.DataType, name: str, refused: Refused) -> pa.Array:
    """The column in its type; raises `Refusal` where it is of another kind altogether."""
    try:
        column = _cast(plain(given, name), kind, name, refused)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise invalid("WrongType", f"the column '{name}' is {given.type}: {error}") from error
    if pa.types.is_floating(kind):
        _refuse_not_finite(column, name, refused)
    return column


def _cast(given: pa.Array, kind: pa.DataType, name: str, refused: Refused) -> pa.Array:
    if pa.types.is_null(given.type) or (given.type == kind and not pa.types.is_list(kind)):
        return given if given.type == kind else given.cast(kind)
    if pa.types.is_list(kind):
        return series_column(given, name, refused)
    if pa.types.is_timestamp(kind):
        return moments(given, kind, name, refused)
    if pa.types.is_string(kind):
        if not name.startswith((FEATURE, PREDICTION, LABEL, SHADOW)):
            raise invalid("WrongType", f"the column '{name}' is {given.type}, it must be a string")
        return categories(given, name, refused)
    is_number = pa.types.is_floating(given.type) or pa.types.is_integer(given.type) or pa.types.is_decimal(given.type)
    if pa.types.is_floating(kind) and not is_number:
        return fitted(given.to_pylist(), "number", f"column '{name}'", refused)
    return given.cast(kind, safe=not pa.types.is_floating(kind))


def _refuse_not_finite(column: pa.Array, name: str, refused: Refused) -> None:
    if not column.null_count and np.isfinite(column.to_numpy()).all():
        return
    finite = pc.is_finite(column)
    if not pc.all(finite, min_count=0).as_py():
        for row in np.flatnonzero(~finite.fill_null(pa.scalar(value=True)).to_numpy(zero_copy_only=False)).tolist():
            refused.setdefault(row, invalid("NotFinite", f"{name} is NaN or infinite; a missing value is null"))


def _ids(column: pa.Array, refused: Refused) -> pa.StringArray:
    if not column.null_count:
        sizes = np.diff(text_parts(column)[0])
        if np.all((sizes >= 1) & (sizes <= LONGEST_ID)):  # so many bytes are at least one character, and no more
            return column
    lengths = pc.fill_null(pc.utf8_length(column), 0).to_numpy()
    for row in np.flatnonzero((lengths < 1) | (lengths > LONGEST_ID)).tolist():
        refused.setdefault(row, invalid("BadId", f"a prediction_id has 1 to {LONGEST_ID} characters"))
    return pc.fill_null(column, "") if column.null_count else column


def _complete(columns: dict[str, pa.Array], layout: Layout, rows: int, refused: Refused) -> None:
    """Columns that every block has; a row that has some fields of a prediction and not others is refused."""
    needed = {n: ROW_COLUMNS[n] for n in _COMPLETE}
    needed |= {FEATURE + name: ARROW_KINDS[kind] for name, kind in layout.raw.items()}
    for prefix in (PREDICTION, LABEL):
        names = {prefix + name: ARROW_KINDS[field.kind] for name, field in layout.target.items()}
        given = [name for name in names if name in columns]
        if prefix == PREDICTION and given and len(given) < len(names):
            raise invalid("MissingField", f"the columns of {prefix} are not complete")
        needed |= names
    for name, kind in needed.items():
        if name not in columns:
            columns[name] = pa.nulls(rows, kind)
    sources, wrong = columns["label_source"], np.zeros(rows, dtype=np.bool_)
    if sources.null_count == rows:
        columns["label_source"] = pa.repeat(pa.scalar("system"), rows)
    else:
        columns["label_source"] = sources = pc.fill_null(sources, "system")
        wrong |= ~pc.is_in(sources, _SOURCES).to_numpy(zero_copy_only=False)
    for field in _WHOLE:
        if field.name in columns:
            low = pc.less(columns[field.name], int(field.least))
            wrong |= low.fill_null(pa.scalar(value=False)).to_numpy(zero_copy_only=False)
    if not layout.single:
        parts = [present(columns[PREDICTION + name]) for name in layout.target]
        wrong |= np.any(parts, axis=0) != np.all(parts, axis=0)
    for row in np.flatnonzero(wrong).tolist():
        refused.setdefault(row, invalid("OutOfRange", "label_source, tokens or a target field is wrong in this row"))
