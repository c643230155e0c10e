"""What ws_scenario.ts does, with the package websockets, and with fragments and pings besides."""

import asyncio
import json
import sys

import websockets


async def open_link(url):
    """A connection without limit and without pings of its own."""
    return await websockets.connect(url, max_size=None, ping_interval=None)


async def closed_code(link):
    """Waits for the end; the code, and the code with the reason."""
    await link.wait_closed()
    code, reason = link.close_code, link.close_reason
    return code, f"{code} {reason}"


async def echoes(link, sizes):
    """Names of the messages that did not come back as they were."""
    wrong = []
    for size in sizes:
        text = "ü" * (size >> 1) + "x" * (size & 1)
        data = bytes(i * 7 & 255 for i in range(size))
        for name, message in (("text", text), ("binary", data)):
            await link.send(message)
            if await link.recv() != message:
                wrong.append(f"{name} {size}")
            if size > 100_000:
                continue
            # A list is sent as a message of one fragment for each item.
            await link.send([message[i : i + 1000] for i in range(0, max(size, 1), 1000)])
            if await link.recv() != message:
                wrong.append(f"{name} {size} in fragments")
    for payload in (b"", b"payload", b"x" * 125):
        await asyncio.wait_for(await link.ping(payload), 10)
    await link.pong(b"unasked")
    await asyncio.sleep(0.15)
    await link.send("still here")
    if await link.recv() != "still here":
        wrong.append("after pings")
    return wrong


async def main(url, sizes, codes, bytes_max):
    """Runs everything, and gives the report."""
    link = await open_link(url)
    wrong = await echoes(link, sizes)
    await link.close(4001, "client bye")
    _, own_close = await closed_code(link)
    server_closes = []
    for code in codes:
        link = await open_link(url)
        await link.send(f"close {code}")
        server_closes.append((await closed_code(link))[1])
    link = await open_link(url)
    await link.send("terminate")
    cut, _ = await closed_code(link)
    link = await open_link(url)
    await link.send(bytes(bytes_max + 1))
    too_large, _ = await closed_code(link)
    return {
        "wrongEchoes": wrong,
        "ownClose": own_close,
        "serverCloses": server_closes,
        "cut": cut,
        "tooLarge": too_large,
    }


if __name__ == "__main__":
    arguments = json.loads(sys.argv[1])
    report = main(
        arguments["url"], arguments["sizes"], arguments["codes"], arguments["bytesMax"]
    )
    print(json.dumps(asyncio.run(report)))
