"""Chromium without a window, driven over its DevTools protocol; nothing but Python is needed."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PROGRAM = next(filter(None, map(shutil.which, NAMES)), None)
# --remote-debugging-pipe reads commands from file 3 and writes to file 4
START = "import os, sys; os.dup2({}, 3); os.dup2({}, 4); os.execv(sys.argv[1], sys.argv[1:])"
TIMEOUT = 30  # seconds
KEYS = {"ArrowRight": 39, "ArrowLeft": 37, "ArrowDown": 40, "Home": 36, "End": 35, " ": 32}


class Page:
    """One page, in a browser of its own; a context manager.

    `problems` are uncaught exceptions, console errors and warnings, and what the browser refused
    or failed to load. `requests` are the addresses that the page asked for.
    """

    def __init__(self, width=1400, height=900):
        self.size = (width, height)
        self.problems, self.requests = [], []
        self._number, self._session, self._received = 0, None, b""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        commands, self._to = os.pipe()
        self._from, answers = os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (commands, answers)]
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                START.format(*ends),
                PROGRAM,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--remote-debugging-pipe",
                f"--user-data-dir={self._folder.name}",
                "about:blank",
            ],
            pass_fds=ends,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (commands, answers, *ends):
            os.close(end)
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.resize(*self.size)
        return self

    def __exit__(self, *failure):
        self._process.terminate()
        self._process.wait(TIMEOUT)
        os.close(self._to)
        os.close(self._from)
        self._folder.cleanup()

    def call(self, method, **parameters):
        """Send a command and return its answer; what happens meanwhile is noted."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._number:
            self._note(answer)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def _receive(self):
        while b"\0" not in self._received:
            assert select.select([self._from], [], [], TIMEOUT)[0], "the browser does not answer"
            received = os.read(self._from, 1 << 20)
            assert received, "the browser has ended"
            self._received += received
        message, _, self._received = self._received.partition(b"\0")
        return json.loads(message)

    def _note(self, event):
        method, details = event["method"], event["params"]
        if method == "Network.requestWillBeSent":
            self.requests.append(details["request"]["url"])
        elif (
            method == "Runtime.exceptionThrown"
            or (method == "Runtime.consoleAPICalled" and details["type"] in ("error", "warning"))
            or (method == "Log.entryAdded" and details["entry"]["level"] in ("error", "warning"))
        ):
            self.problems.append(details)

    def resize(self, width, height):
        size = {"width": width, "height": height}
        self.call("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=1, mobile=False)

    def open(self, url):
        self.call("Page.navigate", url=url)

    def evaluate(self, expression):
        """The value of some JavaScript; a promise is waited for."""
        done = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait_for(self, condition, seconds=TIMEOUT):
        """Wait until some JavaScript is true."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(condition):
            assert time.monotonic() < deadline, f"never: {condition}"
            time.sleep(0.05)

    def press(self, key):
        """A key, as a user presses it."""
        pressed = {"code": key.strip() or "Space", "windowsVirtualKeyCode": KEYS[key]}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, **pressed)

    def drag(self, start, end):
        """Press the mouse at a point (x, y), move it to another, and let go."""
        button = {"button": "left", "buttons": 1, "clickCount": 1}
        kinds = ("mouseMoved", "mousePressed", "mouseMoved", "mouseReleased")
        for kind, (x, y) in zip(kinds, (start, start, end, end), strict=True):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)

    def box(self, selector):
        """Left, top, width and height of an element, in pixels of the window."""
        return self.evaluate(
            f"(({{x, y, width, height}}) => [x, y, width, height])"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )

    def screenshot(self):
        """A PNG of the window."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
