#!/bin/sh
# Makes what tests/storage needs beside Deno: DuckDB's extensions for DuckLake, and PostgreSQL's programs.
# Repeating it is harmless.
#   eval "$(tools/setup_storage.sh .storage)"
# Prints the variables by which the tests find them. The tests start their own server, on a socket in a
# directory of their own, and stop it.
set -eu

# The version of DuckDB that src/lake/duck.ts is pinned to: an extension must be of exactly that one.
version=1.5.5

if [ $# -ne 1 ]; then
  echo "usage: $0 <directory>" >&2
  exit 2
fi
mkdir -p "$1"
directory=$(CDPATH='' cd -- "$1" && pwd)
extensions=$directory/extensions
python=${PYTHON:-python3}

# Wheels are archives; they are unpacked, not installed.
if [ ! -f "$extensions/v$version/postgres_scanner.duckdb_extension" ]; then
  wheels=$directory/wheels
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --dest "$wheels" \
    "duckdb-extension-ducklake==$version" \
    "duckdb-extension-sqlite-scanner==$version" \
    "duckdb-extension-postgres-scanner==$version" >&2
  mkdir -p "$extensions/v$version"
  "$python" - "$wheels" "$extensions/v$version" <<'PYTHON'
import pathlib, sys, zipfile

wheels, target = map(pathlib.Path, sys.argv[1:])
for wheel in sorted(wheels.glob("*.whl")):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".duckdb_extension"):
                (target / pathlib.PurePosixPath(name).name).write_bytes(archive.read(name))
PYTHON
fi
for name in ducklake sqlite_scanner postgres_scanner; do
  if [ ! -f "$extensions/v$version/$name.duckdb_extension" ]; then
    echo "Cannot find $name.duckdb_extension of DuckDB v$version in the wheels" >&2
    exit 1
  fi
done

# The newest server that is installed; Debian keeps its programs out of PATH.
find_postgres() {
  if [ -n "${REMBUS_TEST_POSTGRES:-}" ]; then
    echo "$REMBUS_TEST_POSTGRES"
    return
  fi
  for initdb in $(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V -r); do
    dirname "$initdb"
    return
  done
  found=$(command -v initdb) && dirname "$(readlink -f "$found")"
}

bin=$(find_postgres || true)
if [ -z "$bin" ]; then
  log=$directory/apt.log
  {
    apt-get update -qq &&
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql
  } >"$log" 2>&1 || { tail -n 20 "$log" >&2; exit 1; }
  bin=$(find_postgres || true)
  [ -n "$bin" ] || { echo "Cannot find initdb after installing postgresql" >&2; exit 1; }
fi
# Proves that they work before a test has to.
"$bin/initdb" --version >&2

echo "export REMBUS_EXTENSION_DIR='$extensions'"
echo "export REMBUS_TEST_POSTGRES='$bin'"
