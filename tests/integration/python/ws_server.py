"""What the servers of ws_servers_test.ts do, with the package websockets. Ends when stdin does."""

import asyncio
import sys

import websockets


async def answer(link, message):
    """Does what the message says."""
    if message == "terminate":
        link.transport.abort()
    elif isinstance(message, str) and message.startswith("close "):
        await link.close(int(message[6:]), "server bye")
    elif message == "fragments":
        pong = await link.ping(b"within")
        # A list is sent as a message of one fragment for each item.
        await link.send(["a", "", "bc"])
        await pong
        await link.send("pong")
    else:
        await link.send(message)


async def talk(link):
    """Serves one client; prints how it ended."""
    tasks = set()
    try:
        async for message in link:
            if message == "fragments":
                # Its pong is read by this loop.
                tasks.add(asyncio.create_task(answer(link, message)))
            else:
                await answer(link, message)
    except websockets.ConnectionClosed:
        pass
    print(f"{link.close_code} {link.close_reason}", flush=True)


async def main():
    """Serves until nobody wants it any more."""
    async with websockets.serve(talk, "127.0.0.1", 0, max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
