"""A desktop portal on a private session bus, for tests: python fake_portal.py STREAMS.json LOG.json.

STREAMS: {"streams": [[node, {"position": [x, y], "size": [w, h]}], ...], "answer": code, "token": text or null}. Every
call is appended to LOG as a line of JSON.
"""

import asyncio
import json
import os
import sys

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

BUS, PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"


def plain(value):
    if isinstance(value, Variant):
        return plain(value.value)
    return {key: plain(one) for key, one in value.items()} if isinstance(value, dict) else value


async def main(told, log):
    bus = await MessageBus(negotiate_unix_fd=True).connect()

    def results(message):
        if message.member == "CreateSession":
            return {"session_handle": Variant("s", f"{PATH}/session/one")}
        if message.member != "Start":
            return {}
        streams = [
            (node, {name: Variant("(ii)", place) for name, place in facts.items()}) for node, facts in told["streams"]
        ]
        made = {"streams": Variant("a(ua{sv})", [list(stream) for stream in streams])}
        return made | ({"restore_token": Variant("s", told["token"])} if told["token"] else {})

    def hear(message):
        if message.message_type is not MessageType.METHOD_CALL or not message.path.startswith(PATH):
            return None
        with open(log, "a") as file:
            file.write(json.dumps([message.member, [plain(one) for one in message.body]]) + "\n")
        if message.member == "Close":
            return Message.new_method_return(message)
        if message.member == "OpenPipeWireRemote":
            reading, _ = os.pipe()
            return Message.new_method_return(message, "h", [0], [reading])
        token = message.body[-1]["handle_token"].value
        request = f"{PATH}/request/{message.sender.removeprefix(':').replace('.', '_')}/{token}"
        code = told["answer"] if message.member == "Start" else 0
        signal = Message.new_signal(
            request, "org.freedesktop.portal.Request", "Response", "ua{sv}", [code, {} if code else results(message)]
        )
        asyncio.get_running_loop().call_soon(lambda: bus.send(signal))
        return Message.new_method_return(message, "o", [request])

    bus.add_message_handler(hear)
    await bus.request_name(BUS)
    print("ready", flush=True)
    await bus.wait_for_disconnect()


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        asyncio.run(main(json.load(file), sys.argv[2]))
