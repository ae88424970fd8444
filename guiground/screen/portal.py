"""Capture on a Wayland desktop: through its portal's screen cast, which the user allows once.

Source: org.freedesktop.portal.ScreenCast of xdg-desktop-portal. The portal tells where each monitor lies and how large
it is in desktop units, and hands out a PipeWire stream of it; GStreamer takes one picture of that.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guiground.errors import CaptureError

if TYPE_CHECKING:
    from PIL.Image import Image

FRAME_SECONDS = 10.0  # for one picture of a stream
OTHERWISE = "or log in to an X11 session"


def in_use() -> bool:
    """Whether this is a Wayland desktop."""
    return sys.platform.startswith("linux") and bool(os.environ.get("WAYLAND_DISPLAY"))


@dataclass(frozen=True, slots=True)
class Stream:
    """One monitor as the portal tells of it: its PipeWire node, and its place in desktop units."""

    node: int
    left: int
    top: int
    width: int
    height: int

    @classmethod
    def of(cls, node: int, facts: Mapping[str, Any]) -> "Stream":
        """From what the portal says of a stream. Raises CaptureError where it does not say how large it is."""
        if "size" not in facts:
            raise CaptureError(
                f"the desktop portal does not tell a monitor's size (share a whole monitor, {OTHERWISE})"
            )
        return cls(node, *facts.get("position", (0, 0)), *facts["size"])

    def to_mss(self) -> dict[str, Any]:
        return {"left": self.left, "top": self.top, "width": self.width, "height": self.height}


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture as mss hands it out."""

    width: int
    height: int
    bgra: bytes


class Portal:
    """The monitors that the user shares and their pictures, as mss tells of them; pictures are taken when first needed.

    remote: the descriptor of the PipeWire connection.
    """

    def __init__(self, streams: list[Stream], remote: int) -> None:
        self.streams, self.remote = streams, remote
        self._pictures: dict[int, Image] = {}

    @property
    def monitors(self) -> list[dict[str, Any]]:
        """The desktop as a whole, then each monitor, in desktop units."""
        left, top = min(one.left for one in self.streams), min(one.top for one in self.streams)
        right = max(one.left + one.width for one in self.streams)
        bottom = max(one.top + one.height for one in self.streams)
        whole = {"left": left, "top": top, "width": right - left, "height": bottom - top}
        return [whole, *(one.to_mss() for one in self.streams)]

    def grab(self, area: Mapping[str, int]) -> Shot:
        """A part of the desktop: within one monitor at that one's own pixels, across several at one pixel a unit."""
        left, top, width, height = (area[name] for name in ("left", "top", "width", "height"))
        for stream in self.streams:
            inside = stream.left <= left and left + width <= stream.left + stream.width
            if inside and stream.top <= top and top + height <= stream.top + stream.height:
                image = self._picture(stream)
                across, down = image.width / stream.width, image.height / stream.height
                corner = round((left - stream.left) * across), round((top - stream.top) * down)
                size = max(1, round(width * across)), max(1, round(height * down))
                return _shot(image.crop((*corner, corner[0] + size[0], corner[1] + size[1])))
        from PIL import Image

        canvas = Image.new("RGB", (width, height))
        for stream in self.streams:
            picture = self._picture(stream).resize((stream.width, stream.height), Image.Resampling.BICUBIC)
            canvas.paste(picture, (stream.left - left, stream.top - top))
        return _shot(canvas)

    def _picture(self, stream: Stream) -> "Image":
        if stream.node not in self._pictures:
            self._pictures[stream.node] = _frame(self.remote, stream.node)
        return self._pictures[stream.node]


@contextmanager
def session() -> Iterator[Portal]:
    """The portal, as long as the block lasts. Raises CaptureError, with the remedy, if there is none or it refuses."""
    try:
        import dbus_fast  # noqa: F401
    except ImportError:
        remedy = f"pip install 'guiground[wayland]', {OTHERWISE}"
        raise CaptureError(f"capture on a Wayland desktop needs the extra 'wayland' ({remedy})") from None
    from concurrent.futures import ThreadPoolExecutor

    from guiground.screen.portal_talk import Talk

    with ThreadPoolExecutor(1) as pool:  # a thread of its own: this one may have an event loop
        talk = Talk()
        try:
            streams, token, remote = pool.submit(talk.begin, read_token()).result()
            keep_token(token)
            try:
                yield Portal([Stream.of(node, facts) for node, facts in streams], remote)
            finally:
                os.close(remote)
        finally:
            pool.submit(talk.end).result()


def _frame(remote: int, node: int) -> "Image":
    """One picture of a stream."""
    import subprocess
    import tempfile

    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "frame.png")
        source = ["pipewiresrc", f"fd={remote}", f"path={node}", "num-buffers=1", "do-timestamp=true"]
        command = ["gst-launch-1.0", "-q", *source, "!", "videoconvert", "!", "pngenc", "!", "filesink"]
        try:
            ran = subprocess.run(
                [*command, f"location={path}"],
                pass_fds=(remote,),
                capture_output=True,
                text=True,
                timeout=FRAME_SECONDS,
            )
            reason = (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[0]
        except FileNotFoundError:
            reason = "gst-launch-1.0 is not installed"
        except subprocess.TimeoutExpired:
            reason = f"no picture came within {FRAME_SECONDS:g} seconds"
        if not path.is_file() or not path.stat().st_size:
            remedy = "on Debian: apt-get install gstreamer1.0-tools gstreamer1.0-plugins-good gstreamer1.0-pipewire"
            raise CaptureError(f"GStreamer gave no picture of the Wayland desktop: {reason} ({remedy})")
        with Image.open(path, formats=("PNG",)) as image:
            return image.convert("RGB")


def _shot(image: "Image") -> Shot:
    return Shot(image.width, image.height, image.convert("RGBA").tobytes("raw", "BGRA"))


def token_path() -> Path:
    """Where the leave to capture is kept between runs."""
    from platformdirs import user_state_dir

    return Path(user_state_dir("guiground", appauthor=False), "wayland.token")


def read_token() -> str | None:
    """The token of the leave that the user gave before; None if there is none."""
    try:
        return token_path().read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def keep_token(token: str | None) -> None:
    """Keeps the token, which serves once, for the next time; only this user can read it. None forgets it."""
    path = token_path()
    try:
        path.unlink(missing_ok=True)
        if token is None:
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(token)
    except OSError as error:
        remedy = "set XDG_STATE_HOME to a folder of your own"
        raise CaptureError(f"'{path}' cannot be written: {error.strerror or error} ({remedy})") from None
