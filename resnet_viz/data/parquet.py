"""Images in Parquet files, as data sets of Hugging Face have them: a column of encoded images, one of labels."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from typing import IO, Any

from resnet_viz.data.archives import ENTRIES, PLAIN, RATIO, UNPACKED, ImageFile
from resnet_viz.data.catalogue import DataError
from resnet_viz.data.download import Progress
from resnet_viz.data.layout import Placed, few, in_order, meaning, two_splits
from resnet_viz.data.sheets import LABEL_COLUMNS, LONG
from resnet_viz.spec.checks import quote, short

ROWS = 16  # read at a time: an image may have 32 MiB


@contextlib.contextmanager
def opened(name: str, files: Sequence[ImageFile], progress: Progress) -> Iterator[tuple[list[Placed], list[str]]]:
    """The images of all files, each with its class and its split, and notes; they lie in a file without a name until the end.

    The split is told by a file's name ("train-00000-of-00002.parquet") or folder, the classes' names by the data set's features.
    Raises DataError.
    """
    import pyarrow as pa  # Streamlit's; for the few who need it

    with tempfile.TemporaryFile() as kept:
        placed: list[Placed] = []
        notes: list[str] = []
        for file in sorted(files, key=lambda one: one.parts):
            try:
                with file.open() as held:
                    placed += _read(file, held, kept, notes, progress)
            except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, EOFError) as error:
                raise DataError(f"{quote('/'.join(file.parts))} can't be read as Parquet ({short(error)}).") from error
        if not placed:
            raise DataError(f"{quote(name)} holds no images in its Parquet files; bring others.")
        placed, said = two_splits(placed)
        yield in_order(placed), notes + said


def _read(file: ImageFile, held: IO[bytes], kept: IO[bytes], notes: list[str], progress: Progress) -> list[Placed]:
    import pyarrow.parquet as pq

    name = "/".join(file.parts)
    table = pq.ParquetFile(held)
    count, size = table.metadata.num_rows, _unpacked(table)
    if count > ENTRIES or size > UNPACKED or size > max(PLAIN, RATIO * file.bytes):
        raise DataError(
            f"{quote(name)} holds {count:,} rows that unpack to {size / 2**20:,.0f} MiB, too much to read; bring a part."
        )
    image, label = _columns(name, table.schema_arrow)
    names = _class_names(table.schema_arrow.metadata, label)
    split = next((s for s in (meaning(part)[0] for part in reversed(file.parts)) if s), "train")
    placed: list[Placed] = []
    lacking = 0
    for batch in table.iter_batches(ROWS, columns=[image, label]):
        progress("Reading the images", len(placed), count)
        for row in batch.to_pylist():
            content: Any = row[image]
            where: str = f"row {len(placed) + lacking + 1}"
            if isinstance(content, dict):
                where, content = content.get("path") or where, content.get("bytes")
            if not content or row[label] is None:
                lacking += 1
                continue
            if kept.tell() + len(content) > UNPACKED:
                raise DataError(f"{quote(name)} holds over {UNPACKED >> 30} GiB of images; bring a part of it.")
            at = kept.tell()
            kept.write(content)
            number = row[label]
            known = isinstance(number, int) and 0 <= number < len(names)
            called = names[number] if known else short(number, LONG)
            parts = (*file.parts, short(where))
            placed.append(
                Placed(split, called, ImageFile(parts, len(content), partial(_slice, kept, at, len(content))))
            )
    kept.seek(0, io.SEEK_END)
    if lacking:
        notes.append(f"rows of {quote(name)} without an image or a label were left out: {lacking:,}")
    if others := [column for column in table.schema_arrow.names if column not in (image, label)]:
        notes.append(f"columns of {quote(name)} left out: {few(others)}")
    return placed


def _slice(kept: IO[bytes], at: int, size: int) -> io.BytesIO:
    kept.seek(at)
    return io.BytesIO(kept.read(size))


def _unpacked(table: Any) -> int:
    groups = (table.metadata.row_group(i) for i in range(table.metadata.num_row_groups))
    return sum(group.column(i).total_uncompressed_size for group in groups for i in range(group.num_columns))


def _columns(name: str, schema: Any) -> tuple[str, str]:
    """The names of the columns of images and labels. Raises DataError."""
    import pyarrow.types as types

    def encoded(kind: Any) -> bool:
        if types.is_struct(kind):
            return any(field.name == "bytes" for field in kind)
        return types.is_binary(kind) or types.is_large_binary(kind)

    def sorts(kind: Any) -> bool:
        return types.is_integer(kind) or types.is_string(kind) or types.is_large_string(kind) or types.is_boolean(kind)

    images = [field.name for field in schema if encoded(field.type)]
    labels = [field.name for field in schema if sorts(field.type)]
    usual = [column for known in LABEL_COLUMNS for column in labels if column.lower() == known]
    if not images:
        raise DataError(
            f"{quote(name)} has no column of encoded images, only {few(schema.names)}; save images as bytes in one."
        )
    if not usual and len(labels) != 1:
        raise DataError(f"{quote(name)} has no column 'label', only {few(schema.names)}; call the one of classes so.")
    return images[0], (usual or labels)[0]


def _class_names(metadata: dict[bytes, bytes] | None, label: str) -> list[str]:
    """The names that Hugging Face's ClassLabel gives to numbers; none where the file has none."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        names = json.loads((metadata or {})[b"huggingface"])["info"]["features"][label]["names"]
        return [str(one) for one in names]
    return []
