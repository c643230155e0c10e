"""Reads one hex text per line, and writes the lines that cbor2 cannot decode, each with the reason."""

import sys

import cbor2

for line in sys.stdin:
    text = line.strip()
    try:
        cbor2.loads(bytes.fromhex(text))
    except Exception as error:  # noqa: BLE001 - any kind of failure would stop a client
        reason = f"{error} {error.__cause__ or ''}"
        print(text, reason.replace("\n", " "), flush=True)
