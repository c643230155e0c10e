#!/bin/sh
# Makes the Python environment of tests/interop. Repeating it is harmless.
#   tools/setup_python.sh .venv
# The tests find .venv in the root of the checkout by themselves; elsewhere, set REMBUS_TEST_PYTHON
# to <directory>/bin/python.
set -eu

if [ $# -ne 1 ]; then
  echo "usage: $0 <directory>" >&2
  exit 2
fi
directory=$1
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

if [ ! -x "$directory/bin/python" ]; then
  "${PYTHON:-python3}" -m venv "$directory"
fi
"$directory/bin/python" -m pip install --quiet --disable-pip-version-check \
  --requirement "$root/tests/interop/requirements.txt"
# Proves that it works before a test has to.
"$directory/bin/python" -c 'import rembus'
echo "$directory/bin/python"
