"""Pictures of the project's own pages: Chromium without a window, driven over the DevTools pipe."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
from pathlib import Path

PAGES = Path(__file__).parent / "pages"
BOXES = """
selectors => selectors.map(selector => {
  const all = [...document.querySelectorAll(selector)].filter(one => one.getClientRects().length);
  return all.map(one => {
    const r = one.getBoundingClientRect();
    const points = [[.5, .5], [.2, .2], [.8, .2], [.2, .8], [.8, .8]];
    const shown = points.every(([x, y]) => {
      const top = document.elementFromPoint(r.left + x * r.width, r.top + y * r.height);
      return top && (one.contains(top) || top.contains(one) && top.tagName === 'LABEL');
    });
    return {box: [r.left, r.top, r.width, r.height].map(Math.round), visible: shown, enabled: !one.disabled,
            role: one.tagName.toLowerCase(), name: (one.innerText || one.ariaLabel || '').trim(), trail: []};
  });
})
"""


class Chromium:
    """Context manager; `call` sends one DevTools command to the page and waits for its answer."""

    def __enter__(self) -> Chromium:
        to_child, self.write = os.pipe()
        self.read, from_child = os.pipe()
        # DevTools reads descriptor 3 and writes descriptor 4
        command = (
            f"exec 3<&{to_child} 4>&{from_child}; exec chromium --headless=new --no-sandbox --disable-gpu "
            "--hide-scrollbars --remote-debugging-pipe --user-data-dir=/tmp/guiground-capture/chromium "
            "--font-render-hinting=slight --disable-lcd-text about:blank"
        )
        self.process = subprocess.Popen(
            ["bash", "-c", command],
            pass_fds=(to_child, from_child),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to_child)
        os.close(from_child)
        self.waiting, self.count, self.session = b"", 0, None
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(one["targetId"] for one in targets if one["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        self.call("Page.enable")
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(10)
        os.close(self.write)
        os.close(self.read)

    def message(self) -> dict:
        while b"\0" not in self.waiting:
            more = os.read(self.read, 1 << 20)
            if not more:
                raise SystemExit("Chromium ended before it answered")
            self.waiting += more
        one, _, self.waiting = self.waiting.partition(b"\0")
        return json.loads(one)

    def call(self, method: str, **params: object) -> dict:
        self.count += 1
        request = {"id": self.count, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.write, json.dumps(request).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise SystemExit(f"Chromium refused {method}: {answer['error']['message']}")
                return answer["result"]

    def evaluate(self, expression: str) -> object:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise SystemExit(f"script failed in the page: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def shoot(self, scene: dict) -> tuple[bytes, list[dict]]:
        """The PNG of a scene's page in its state, and for each target the nodes its CSS selector finds."""
        width, height = scene["size"]
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=(PAGES / scene["page"]).as_uri())
        self.evaluate("new Promise(done => document.readyState === 'complete' ? done() : onload = done)")
        self.evaluate("document.fonts.ready.then(() => new Promise(done => setTimeout(done, 300)))")
        if "script" in scene:
            self.evaluate(scene["script"])
        selectors = [target["css"] for target in scene.get("target", [])]
        found = self.evaluate(f"({BOXES})({json.dumps(selectors)})")
        nodes = [node | {"css": css} for css, several in zip(selectors, found, strict=True) for node in several]
        picture = self.call("Page.captureScreenshot", format="png", optimizeForSpeed=False)
        return base64.b64decode(picture["data"]), nodes
