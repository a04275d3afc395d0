"""Writes the Parquet files of parquetRows.test.ts with pyarrow: python3 -m venv v && v/bin/pip install pyarrow==26.0.1"""

import datetime
import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

here = pathlib.Path(__file__).parent


def row(i):
    answer = {"role": "assistant", "content": f"answer {i} é " * (i % 5), "tool_calls": None}
    if i % 4 == 1:
        answer["content"] = None
        answer["tool_calls"] = [{"type": "function", "function": {"name": "add", "arguments": json.dumps({"a": i})}}]
    turns = [{"role": "user", "content": f"question {i}", "tool_calls": None}, answer]
    return {
        "messages": None if i == 7 else turns * (1 + i % 3),
        "source": ["web", "book"][i % 2],
        "score": i / 2 if i % 9 else None,
        "big": 2**53 + i,
        "small": i,
        "good": i % 3 == 0,
        "tags": [] if i % 6 == 0 else ["x"] * (i % 3) if i % 5 else None,
        "extra": {"a": i, "b": None if i % 2 else {"c": "d"}},
        "at": datetime.datetime(2024, 1, 2, 3, 4, 5 + i % 50),
        "bytes": b"\xff\x00" if i % 2 else b"text",
    }


call = pa.struct([("type", pa.string()), ("function", pa.struct([("name", pa.string()), ("arguments", pa.string())]))])
schema = pa.schema(
    [
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string()), ("tool_calls", pa.list_(call))]))),
        ("source", pa.string()),
        ("score", pa.float64()),
        ("big", pa.int64()),
        pa.field("small", pa.int32(), nullable=False),
        ("good", pa.bool_()),
        ("tags", pa.list_(pa.string())),
        ("extra", pa.struct([("a", pa.int32()), ("b", pa.struct([("c", pa.string())]))])),
        ("at", pa.timestamp("ms")),
        ("bytes", pa.binary()),
    ]
)
rows = [row(i) for i in range(60)]
table = pa.Table.from_pylist(rows, schema)
small = dict(row_group_size=25, data_page_size=256, write_batch_size=8)
for codec in ["none", "snappy", "gzip", "brotli", "lz4", "zstd"]:
    pq.write_table(table, here / f"{codec}.parquet", compression=codec, **small)
pq.write_table(table, here / "v2.parquet", compression="snappy", data_page_version="2.0", use_dictionary=False, write_page_checksum=True, **small)
pq.write_table(table, here / "delta.parquet", compression="zstd", data_page_version="2.0", use_dictionary=False,
               column_encoding={"source": "DELTA_BYTE_ARRAY", "big": "DELTA_BINARY_PACKED", "small": "DELTA_BINARY_PACKED",
                                "messages.list.element.content": "DELTA_LENGTH_BYTE_ARRAY", "score": "BYTE_STREAM_SPLIT"}, **small)
pq.write_table(table.slice(0, 0), here / "empty.parquet")


def kept(value):
    """The rows as JSON rows: members without a value are left out."""
    if isinstance(value, dict):
        return {name: kept(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [kept(element) for element in value]
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="milliseconds") + "Z"
    if isinstance(value, bytes):
        return "/wA=" if value[0] == 255 else value.decode()
    return value


(here / "rows.jsonl").write_text("".join(json.dumps(kept(one), ensure_ascii=False, separators=(",", ":")) + "\n" for one in rows))
