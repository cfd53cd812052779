"""Brings a dataset of an earlier release up to date: columns that came since, without values.

Each part is replaced by one of the same name, and the part without rows last, by which the
version of a table is known: an upgrade that was killed is finished by the next run.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from transforms.folders import Folder, dataset_folder
from transforms.part_rows import row_groups
from transforms.parts import SCHEMA_PART, Part, parquet_bytes, reading, writing
from transforms.schemas import READABLE_VERSIONS, SCHEMA_VERSION, Table, schema_of, version_of


def upgrade_dataset(output: str) -> None:
    """Give the tables of a dataset the columns of this release; one that has them is left alone.

    Versions that this release does not know are left alone too: `parts.create_dataset` refuses them.
    Nobody else may write to OUTPUT meanwhile.

    Args:
        output: OUTPUT: a local path or a URI; there need be no dataset.

    Raises:
        OutputError: a part could not be read or written.
    """
    for table in Table:
        folder = dataset_folder(output, table.value)
        if SCHEMA_PART in folder.names() and _is_older(_version(folder)):
            _upgrade(folder, schema_of(table))


def _upgrade(folder: Folder, schema: pa.Schema) -> None:
    # Replaced ones too, which a killed `settle` left: readers meet them until the next one ends.
    for part in filter(None, map(Part.of_name, folder.names())):
        with reading(folder, part) as file:
            found = version_of(file.schema_arrow)
        if _is_older(found):
            with writing(folder, part, schema) as writer:
                for _, rows in row_groups(folder, part):
                    writer.write_table(_with_columns_of(schema, rows))
    folder.put(SCHEMA_PART, parquet_bytes(schema.empty_table()))


def _is_older(version: str | None) -> bool:
    return version in READABLE_VERSIONS and version != SCHEMA_VERSION


def _version(folder: Folder) -> str | None:
    with folder.open(SCHEMA_PART) as file:
        return version_of(pq.read_schema(file))


def _with_columns_of(schema: pa.Schema, rows: pa.Table) -> pa.Table:
    """The rows with all columns of the schema; null where they had none."""
    columns = [
        rows.column(column.name) if column.name in rows.column_names else pa.nulls(rows.num_rows, column.type)
        for column in schema
    ]
    return pa.table(columns, schema=schema)
