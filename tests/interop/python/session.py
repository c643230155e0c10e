"""Runs the commands of a test on components of rembus.python.

A command is {"id": 1, "op": "rpc", "client": "a", ...}. Its reply is {"id": 1, "ok": <result>} or
{"id": 1, "error": <text>, "type": <class>}. Commands run concurrently, so that a slow call does not
hold up the others. A message that a subscriber received is
{"event": "message", "client": "a", "topic": <as subscribed>, "args": [...]}, after `inject` also with
"ctx" and "node".
"""

import asyncio

import polars as pl
import rembus as rb
from notation import from_json, to_json

CLOSE_SECONDS_MAX = 5
POLL_SECONDS = 0.02

ENCODINGS = {"cbor": rb.CBOR, "json": rb.JSON}
SCHEMES = {"rsa": rb.SIG_RSA, "ecdsa": rb.SIG_ECDSA}
QOS = {0: rb.QOS0, 1: rb.QOS1, 2: rb.QOS2}


def add(x, y):
    return x + y


async def echo(*args):
    return args[0] if len(args) == 1 else list(args)


def boom(*_args):
    raise ValueError("boom from python")


def frame():
    return pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})


# What a test may expose, by its kind.
SERVICES = {"add": add, "echo": echo, "boom": boom, "frame": frame}


def msg_from(value):
    """"now", "last" or nanoseconds -> the argument of subscribe."""
    if value == "last":
        return rb.LastReceived
    return rb.Now if value == "now" else float(value)


class Session:
    """The components of one process, by the name that the test gave them."""

    def __init__(self, lines):
        self._lines = lines
        self._handles = {}
        self._running = set()

    def adopt(self, client, handle):
        """Puts a component under the commands of the test."""
        self._handles[client] = handle

    async def serve(self):
        """Runs commands until the test says `quit` or closes stdin, then closes every component."""
        while (command := await self._lines.next()) is not None:
            if command["op"] == "quit":
                break
            task = asyncio.create_task(self._run(command))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        for handle in self._handles.values():
            try:
                await asyncio.wait_for(handle.close(), CLOSE_SECONDS_MAX)
            except Exception as error:  # The process ends anyway; the test sees it in stderr.
                print(f"close failed: {error!r}")

    async def subscribe(self, client, topic, msgfrom="now"):
        """Subscribes `client` and reports each of its messages as an event."""

        def on_message(*args, **context):
            event = {"event": "message", "client": client, "topic": topic, "args": to_json(args)}
            if context:
                event["ctx"] = to_json(context.get("ctx"))
                event["node"] = str(getattr(context.get("node"), "rid", None))
            self._lines.send(**event)

        await self._handles[client].subscribe(on_message, msg_from(msgfrom), topic)

    async def _run(self, command):
        try:
            result = await self._execute(**command)
            self._lines.send(id=command["id"], ok=to_json(result))
        except Exception as error:
            text = str(error) or type(error).__name__
            self._lines.send(id=command["id"], error=text, type=type(error).__name__)

    async def _execute(self, id, op, client, **fields):  # noqa: A002 -- `id` is the key on the line
        if op == "connect":
            await self._connect(client, **fields)
            return None
        if op == "register":
            scheme, enc = SCHEMES[fields["scheme"]], ENCODINGS[fields["enc"]]
            # It runs to its end on a loop of its own.
            await asyncio.to_thread(rb.register, fields["url"], fields["pin"], scheme, enc)
            return None
        if op == "subscribe":
            await self.subscribe(client, **fields)
            return None
        handle = self._handles[client]
        match op:
            case "unsubscribe":
                await handle.unsubscribe(fields["topic"])
            case "expose":
                await handle.expose(SERVICES[fields["kind"]], fields["topic"])
            case "unexpose":
                await handle.unexpose(fields["topic"])
            case "publish":
                await handle.publish(fields["topic"], *from_json(fields["args"]), **options(fields))
            case "put":
                await handle.put(fields["topic"], *from_json(fields["args"]), **options(fields))
            case "rpc":
                call = handle.rpc(fields["topic"], *from_json(fields["args"]))
                return await asyncio.wait_for(call, fields.get("timeout"))
            case "direct":
                call = handle.direct(fields["target"], fields["topic"], *from_json(fields["args"]))
                return await asyncio.wait_for(call, fields.get("timeout"))
            case "reactive":
                await handle.reactive()
            case "unreactive":
                await handle.unreactive()
            case "inject":
                handle.inject(from_json(fields["ctx"]))
            case "register_from":
                await handle.register(fields["name"], fields["pin"], SCHEMES[fields["scheme"]])
            case "unregister":
                await handle.unregister()
            case "private_topic":
                await handle.private_topic(fields["topic"])
            case "public_topic":
                await handle.public_topic(fields["topic"])
            case "authorize":
                await handle.authorize(fields["name"], fields["topic"])
            case "unauthorize":
                await handle.unauthorize(fields["name"], fields["topic"])
            case "isopen":
                return handle.isopen()
            case "wait_open":
                # rembus.python tells nobody that it reconnected.
                while handle.isopen() != fields["open"]:
                    await asyncio.sleep(POLL_SECONDS)
            case "close":
                await handle.close()
            case _:
                raise ValueError(f'Cannot run "{op}": no such command')
        return None

    async def _connect(self, client, url, enc="cbor"):
        self.adopt(client, await rb.component(url, enc=ENCODINGS[enc]))


def options(fields):
    """Keyword arguments of publish and put."""
    chosen = {"qos": QOS[fields.get("qos", 0)]}
    if "slot" in fields:
        chosen["slot"] = fields["slot"]
    return chosen
