"""The broker of rembus.python: `broker.py <port> [<rules>]`.

The rules are JSON, {"secure": false, "tenants": {<domain>: <PIN>}, "admins": [<name>]}, each of them optional; the
last two are rows that the broker reads once, when it starts.

It exposes `add`, subscribes `to_broker`, and takes the commands of session.py for the handle of the
broker, under the client name "broker". It stops when stdin is closed.
"""

import asyncio
import json
import os
import sys

import duckdb
from lines import Lines

DUCKDB_MAJOR = 1
NAME = "broker"


def path_of_store(router_id):
    """The database file of a broker."""
    return os.path.join(os.environ["REMBUS_DIR"], f"{router_id}.duckdb")


def write_rules(tenants, admins):
    """Makes the tables that the broker would make, with rows in them."""
    with duckdb.connect(path_of_store(NAME)) as db:
        db.execute("CREATE TABLE IF NOT EXISTS tenant (name TEXT NOT NULL, tenant TEXT NOT NULL, secret TEXT NOT NULL)")
        db.execute("CREATE TABLE IF NOT EXISTS admin (name TEXT NOT NULL, twin TEXT)")
        for tenant, pin in tenants.items():
            db.execute("INSERT INTO tenant VALUES (?, ?, ?)", [NAME, tenant, pin])
        for admin in admins:
            db.execute("INSERT INTO admin VALUES (?, ?)", [NAME, admin])


def attach_plain_duckdb(router_id):
    """What stands in for `db_attach`: the statements that make the store current.

    The original attaches DuckLake, whose extension is a download. The second name is the one that
    DuckLake's catalog would have: the broker detaches it when it closes.
    """
    path = path_of_store(router_id).replace("'", "''")
    return (
        f"ATTACH '{path}' AS rl; "
        "ATTACH ':memory:' AS __ducklake_metadata_rl; "
        "USE rl"
    )


def replace_everywhere(name, value):
    """Modules that imported the name hold it themselves."""
    for module_name, module in list(sys.modules.items()):
        if module_name.split(".")[0] == "rembus" and hasattr(module, name):
            setattr(module, name, value)


async def main(port, secure=False, tenants={}, admins=[]):
    import rembus as rb
    from session import Session, add

    if tenants or admins:
        write_rules(tenants, admins)
    replace_everywhere("db_attach", attach_plain_duckdb)
    lines = Lines()
    await lines.open()
    handle = await rb.component(name=NAME, port=port, secure=secure)
    session = Session(lines)
    session.adopt(NAME, handle)
    await handle.expose(add, "add")
    await session.subscribe(NAME, "to_broker")
    lines.send(event="ready")
    await session.serve()


if int(duckdb.__version__.split(".")[0]) != DUCKDB_MAJOR:
    sys.exit(
        f"Cannot start the broker of rembus.python: expected duckdb {DUCKDB_MAJOR}.x, "
        f"got {duckdb.__version__}; run tools/setup_python.sh"
    )
asyncio.run(main(int(sys.argv[1]), **json.loads(sys.argv[2] if len(sys.argv) > 2 else "{}")))
