"""Values of Rembus messages as JSON, for the line protocol between a test and Python.

What JSON has no form for travels as a map with one key:

    {"$bytes": "00ff"}          byte string, hexadecimal
    {"$bigint": "9007199254740993"}  integer beyond +-(2**53 - 1)
    {"$float": "inf"}           float that JSON cannot say: inf, -inf, nan
    {"$date": "2024-01-02"}     date or time, ISO 8601 (from Python only)
    {"$frame": {"a": [1, 2]}}   dataframe, column name -> values
    {"$other": "<repr>"}        anything else (from Python only)
"""

import datetime
import math

import polars as pl

INTEGER_MAX = 2**53 - 1


def to_json(value):
    """A value that a handler or a call received, as JSON."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if abs(value) <= INTEGER_MAX else {"$bigint": str(value)}
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": str(value)}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bytes": bytes(value).hex()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (datetime.date, datetime.time)):
        return {"$date": value.isoformat()}
    columns = _columns(value)
    if columns is not None:
        return {"$frame": {name: to_json(items) for name, items in columns.items()}}
    return {"$other": repr(value)}


def from_json(value):
    """The value that a test means."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, content),) = value.items()
        if key == "$bytes":
            return bytes.fromhex(content)
        if key == "$bigint":
            return int(content)
        if key == "$float":
            return float(content)
        if key == "$frame":
            return pl.DataFrame(from_json(content))
    return {key: from_json(item) for key, item in value.items()}


def _columns(value):
    """Column name -> values of a polars or pandas dataframe; None for anything else."""
    if isinstance(value, pl.DataFrame):
        return value.to_dict(as_series=False)
    if type(value).__name__ == "DataFrame" and hasattr(value, "to_dict"):
        return value.to_dict(orient="list")
    return None
