"""Components of rembus.python that a test drives over stdin and stdout; see session.py."""

import asyncio

from lines import Lines
from session import Session


async def main():
    lines = Lines()
    await lines.open()
    lines.send(event="ready")
    await Session(lines).serve()


asyncio.run(main())
