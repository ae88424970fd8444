"""One Chromium without a window, driven over the DevTools pipe."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from guiground.errors import UsageError


class Browser:
    """Context manager; `call` sends one DevTools command to the one page and gives its answer."""

    def __init__(self, program: str, arguments: Sequence[str] = ()):
        self.program, self.arguments = program, arguments

    def __enter__(self) -> "Browser":
        self.folder = tempfile.TemporaryDirectory(prefix="guiground-chromium-", ignore_cleanup_errors=True)
        to_child, self.write = os.pipe()
        self.read, from_child = os.pipe()
        command = [self.program, "--headless=new", "--disable-gpu", "--remote-debugging-pipe"]
        if os.geteuid() == 0:  # root needs no sandbox, and must not raise the priority of what was started with nice
            keep = ["setpriv", "--bounding-set", "-sys_nice"] if shutil.which("setpriv") else []
            command = [*keep, *command, "--no-sandbox"]
        command += [f"--user-data-dir={self.folder.name}", "--no-first-run", *self.arguments, "about:blank"]
        # DevTools reads descriptor 3 and writes descriptor 4.
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec 3<&{to_child} 4>&{from_child}; exec "$@"', "bash", *command],
            pass_fds=(to_child, from_child),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to_child)
        os.close(from_child)
        self.waiting, self.count, self.session = b"", 0, ""
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(one["targetId"] for one in targets if one["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        self.call("Page.enable")
        self.frame = self.call("Page.getFrameTree")["frameTree"]["frame"]["id"]
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.write)
        os.close(self.read)
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        self.folder.cleanup()

    def message(self) -> dict:
        """The next message."""
        while b"\0" not in self.waiting:
            more = os.read(self.read, 1 << 20)
            if not more:
                raise UsageError(f"'{self.program}' ended before it answered: install Debian's chromium")
            self.waiting += more
        one, _, self.waiting = self.waiting.partition(b"\0")
        return json.loads(one)

    def call(self, method: str, **params: object) -> dict:
        """The result of one command. Raises RuntimeError where Chromium refuses it."""
        self.count += 1
        request = {"id": self.count, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self.write, data) :]
        while True:
            answer = self.message()
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise RuntimeError(f"Chromium refused {method}: {answer['error']['message']}")
                return answer["result"]

    def evaluate(self, expression: str):
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"script failed in the page: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def with_inner_texts(self, function: str):
        """The value of a JavaScript function called with every text node that the browser's own controls hide."""
        root = self.call("DOM.getDocument", depth=-1, pierce=True)["root"]
        objects = []
        for node in inner_texts(root, False):
            objects.append(self.call("DOM.resolveNode", backendNodeId=node, objectGroup="texts")["object"]["objectId"])
        window = self.call("Runtime.evaluate", expression="document", objectGroup="texts")["result"]["objectId"]
        answer = self.call(
            "Runtime.callFunctionOn",
            functionDeclaration=function,
            objectId=window,
            arguments=[{"objectId": one} for one in objects],
            returnByValue=True,
        )
        self.call("Runtime.releaseObjectGroup", objectGroup="texts")
        if "exceptionDetails" in answer:
            raise RuntimeError(f"script failed in the page: {answer['exceptionDetails']}")
        return answer["result"]["value"]


def inner_texts(node: dict, hidden: bool) -> list[int]:
    """The text nodes below the browser's own shadow trees."""
    if hidden and node["nodeName"] == "#text" and node["nodeValue"].strip():
        return [node["backendNodeId"]]
    found = [text for child in node.get("children", ()) for text in inner_texts(child, hidden)]
    for root in node.get("shadowRoots", ()):
        found += inner_texts(root, root.get("shadowRootType") == "user-agent")
    return found


def program() -> Path | None:
    """Debian's chromium, or None."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    return Path(found) if found else None
