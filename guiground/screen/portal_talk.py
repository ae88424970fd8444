"""The conversation with the desktop portal over D-Bus: a screen cast is asked for, the user agrees, streams begin."""

import asyncio
import contextlib
import secrets
from typing import Any

from guiground.errors import CaptureError
from guiground.screen.portal import OTHERWISE

BUS, PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
CAST, REQUEST, SESSION = (f"org.freedesktop.portal.{name}" for name in ("ScreenCast", "Request", "Session"))
ASK_SECONDS = 120.0  # for the user to answer the portal's question
CALL_SECONDS = 10.0
_MONITORS, _HIDDEN, _UNTIL_REVOKED = 1, 1, 2  # types of source, cursor_mode, persist_mode


class Talk:
    """One screen cast session, from `begin` to `end`; both run in the same thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bus: Any = None
        self._session: str | None = None
        self._responses: dict[str, asyncio.Future] = {}

    def begin(self, token: str | None) -> tuple[list[tuple[int, dict[str, Any]]], str | None, int]:
        """Node and facts of each stream, the token for the next time, and the descriptor of the PipeWire connection.

        token: that of the last time, so that the user is not asked again. Raises CaptureError.
        """
        self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(self._begin(token))

    def end(self) -> None:
        """Ends the session and the connection."""
        if self._loop is None:
            return
        try:
            self._loop.run_until_complete(self._end())
        finally:
            self._loop.close()

    async def _begin(self, token: str | None) -> tuple[list[tuple[int, dict[str, Any]]], str | None, int]:
        from dbus_fast import BusType, Variant
        from dbus_fast.aio import MessageBus

        try:
            self._bus = await MessageBus(bus_type=BusType.SESSION, negotiate_unix_fd=True).connect()
        except Exception as error:  # an address that is none, a socket that is gone, a refusal
            remedy = f"set DBUS_SESSION_BUS_ADDRESS to that of the desktop, {OTHERWISE}"
            raise CaptureError(f"the session bus of the desktop cannot be reached: {error} ({remedy})") from error
        self._bus.add_message_handler(self._hear)
        rule = f"type='signal',interface='{REQUEST}',member='Response'"
        await self._call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", "s", rule)
        name = Variant("s", f"guiground{secrets.token_hex(8)}")
        self._session = (await self._ask("CreateSession", "", session_handle_token=name))["session_handle"].value
        wanted = {
            "types": Variant("u", _MONITORS),
            "multiple": Variant("b", True),
            "cursor_mode": Variant("u", _HIDDEN),
            "persist_mode": Variant("u", _UNTIL_REVOKED),
        }
        if token is not None:
            wanted["restore_token"] = Variant("s", token)
        await self._ask("SelectSources", "o", self._session, **wanted)
        started = await self._ask("Start", "os", self._session, "")
        streams = started["streams"].value if "streams" in started else []
        if not streams:
            raise CaptureError(f"no monitor was shared with guiground (choose one when the desktop asks, {OTHERWISE})")
        remote = await self._call(BUS, PATH, CAST, "OpenPipeWireRemote", "oa{sv}", self._session, {})
        told = [(node, {key: one.value for key, one in facts.items()}) for node, facts in streams]
        kept = started["restore_token"].value if "restore_token" in started else None
        return told, kept, remote.unix_fds[remote.body[0]]

    async def _end(self) -> None:
        if self._session is not None:
            with contextlib.suppress(CaptureError):  # it may have ended by itself
                await self._call(BUS, self._session, SESSION, "Close", "")
        if self._bus is not None:
            self._bus.disconnect()

    async def _ask(self, member: str, signature: str, *body: Any, **options: Any) -> dict[str, Any]:
        """The answer to a request, which may wait for the user."""
        from dbus_fast import Variant

        name = f"guiground{secrets.token_hex(8)}"
        sender = self._bus.unique_name.removeprefix(":").replace(".", "_")
        answered = self._loop.create_future()
        self._responses[f"{PATH}/request/{sender}/{name}"] = answered
        options["handle_token"] = Variant("s", name)
        reply = await self._call(BUS, PATH, CAST, member, f"{signature}a{{sv}}", *body, options)
        self._responses.setdefault(reply.body[0], answered)  # old portals choose the path themselves
        try:
            code, results = await asyncio.wait_for(answered, ASK_SECONDS)
        except TimeoutError:
            code, results = 1, {}
        if code:
            said = "was not allowed" if code == 1 else "was ended by the desktop"
            raise CaptureError(f"capturing the Wayland desktop {said} (agree when the desktop asks, {OTHERWISE})")
        return results

    async def _call(self, to: str, path: str, interface: str, member: str, signature: str, *body: Any) -> Any:
        from dbus_fast import Message, MessageType

        message = Message(
            destination=to, path=path, interface=interface, member=member, signature=signature, body=list(body)
        )
        try:
            reply = await asyncio.wait_for(self._bus.call(message), CALL_SECONDS)
        except TimeoutError:
            raise CaptureError(f"the desktop portal does not answer (log in again, {OTHERWISE})") from None
        if reply.message_type is MessageType.ERROR:
            remedy = "install xdg-desktop-portal and its part for your desktop, such as xdg-desktop-portal-gnome"
            raise CaptureError(f"the desktop portal cannot capture: {reply.error_name} ({remedy}, {OTHERWISE})")
        return reply

    def _hear(self, message: Any) -> None:
        if message.member == "Response" and message.interface == REQUEST:
            answered = self._responses.get(message.path)
            if answered is not None and not answered.done():
                answered.set_result(tuple(message.body))
