"""Components of rembus.python for tests of tables: the commands of session.py, and frames by expression.

An argument {"$frame_of": "<expression>"} is the frame that polars or pandas makes of it. `differs` calls
a service and answers how its result differs from the frame of an expression, null when it does not; `dtypes`
answers the polars type of each column. The expressions are those that the tests of this repository send.
"""

import asyncio
import datetime as dt
from decimal import Decimal

import duckdb
import pandas as pd
import polars as pl
from lines import Lines
from notation import to_json
from polars.testing import assert_frame_equal
from session import Session

NAMES = {"pl": pl, "pd": pd, "dt": dt, "Decimal": Decimal}


def numbered(series):
    """A frame of one column `v`, with the position of each value in `n`."""
    return pl.DataFrame({"n": pl.Series(range(len(series)), dtype=pl.Int32), "v": series})


def evaluate(expression):
    """The value of an expression in polars' terms."""
    return eval(expression, {**NAMES, "numbered": numbered})  # noqa: S307 -- our own test wrote it


def with_frames(value):
    """A value of the line protocol, with the frames that its expressions mean."""
    if isinstance(value, list):
        return [with_frames(item) for item in value]
    if isinstance(value, dict):
        if value.keys() == {"$frame_of"}:
            return evaluate(value["$frame_of"])
        return {key: with_frames(item) for key, item in value.items()}
    return value


def difference(got, expected):
    """How a result differs from a frame; None when it does not. Rows, columns and types are in order."""
    if not isinstance(got, pl.DataFrame):
        return f"expected a polars frame, got {got!r}"
    try:
        assert_frame_equal(got, expected, check_exact=True)
    except AssertionError as error:
        return f"{error}\ngot {got.to_init_repr(100)}"
    return None


class StorageSession(Session):
    """The components of one process, which also deal in frames."""

    async def _execute(self, id, op, client, **fields):  # noqa: A002 -- `id` is the key on the line
        if "args" in fields:
            fields["args"] = with_frames(fields["args"])
        match op:
            case "differs":
                got = await self._call(client, fields)
                return difference(got, evaluate(fields["expected"]))
            case "dtypes":
                schema = (await self._call(client, fields)).schema
                return {name: str(dtype) for name, dtype in schema.items()}
            case "read_file":
                with duckdb.connect(fields["path"], read_only=True) as connection:
                    return to_json(connection.execute(fields["sql"]).fetchall())
            case _:
                return await super()._execute(id, op, client, **fields)

    async def _call(self, client, fields):
        return await super()._execute(0, "rpc", client, topic=fields["topic"], args=fields["args"])


async def main():
    lines = Lines()
    await lines.open()
    lines.send(event="ready")
    await StorageSession(lines).serve()


asyncio.run(main())
