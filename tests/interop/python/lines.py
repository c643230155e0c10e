"""JSON lines over stdin and stdout, the way in which a test talks to Python."""

import asyncio
import json
import os
import sys

LINE_BYTES_MAX = 16 * 1024 * 1024


class Lines:
    """Reads commands from stdin and writes replies and events to stdout, one JSON object a line."""

    def __init__(self):
        # Nothing that a library prints may end up between our lines.
        self._out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        self._in = None

    async def open(self):
        """Starts to read stdin. To be called inside of the event loop."""
        self._in = asyncio.StreamReader(limit=LINE_BYTES_MAX)
        protocol = asyncio.StreamReaderProtocol(self._in)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)

    async def next(self):
        """The next command, or None when the test closed stdin."""
        line = await self._in.readline()
        return json.loads(line) if line else None

    def send(self, **fields):
        """Writes one line."""
        self._out.write(json.dumps(fields) + "\n")
        self._out.flush()
