"""A headless Chromium that opens one file, tells what it sees, and reports whatever it asks the network for."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ATTEMPTS = 3
"""How often a browser is started that does not answer."""
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)

SEEN_TEXTS = """
const found = [];
const luminance = ([r, g, b]) => [r, g, b]
  .map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const parsed = (text) => text.match(/[\\d.]+/g).map(Number);
const background = (node) => {
  for (; node instanceof Element; node = node.parentElement) {
    const colour = parsed(getComputedStyle(node).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode, parent = node.parentElement;
  if (!node.textContent.trim() || ["SCRIPT", "STYLE"].includes(parent.tagName)) continue;
  const style = getComputedStyle(parent), isDrawn = parent instanceof SVGElement;
  const [one, other] = [parsed(isDrawn ? style.fill : style.color), background(parent)].map(luminance);
  const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  const place = isDrawn ? parent.getScreenCTM() : null;
  const size = parseFloat(style.fontSize) * (isDrawn ? Math.hypot(place.a, place.b) : 1);
  found.push([node.textContent.trim(), contrast, size]);
}
return found;
"""


class Browser:
    """A running browser; see :func:`browser`."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, path: Path, *, width: int, dark: bool = False, height: int = 900) -> None:
        """Show a file in a window of a width in CSS pixels and in a colour scheme."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        # What pages before it said and asked for is none of this one's: tests come in any order.
        for log in ("browser", "performance"):
            self.driver.get_log(log)
        self.driver.get(path.as_uri())

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a piece of JavaScript in the page and return its value."""
        return self.driver.execute_script(script, *arguments)

    def texts(self) -> list[tuple[str, float, float]]:
        """Every visible text with its contrast to the background and its size in CSS pixels."""
        return [(text, contrast, size) for text, contrast, size in self.run(SEEN_TEXTS)]

    def complaints(self) -> list[str]:
        """What the console said since the page was opened, or the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Addresses asked for since the page was opened, or the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def picture(self, path: Path) -> None:
        """Write the whole page as a picture."""
        size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        taken = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        path.write_bytes(base64.b64decode(taken["data"]))


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Run a browser whose user data lie in an empty folder."""
    # It takes a while to import, and no other test needs it.
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in (*ARGUMENTS, f"--user-data-dir={folder}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = _started(lambda: webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver")))
    try:
        opened = Browser(driver)
        # The browser's own first page asks for its own parts.
        driver.get("about:blank")
        opened.requests(), opened.complaints()
        yield opened
    finally:
        driver.quit()


def _started(start: Callable[[], Any]) -> Any:
    """A driver; on a busy machine the browser may not answer in time at first."""
    from selenium.common.exceptions import WebDriverException

    for _ in range(ATTEMPTS - 1):
        try:
            return start()
        except WebDriverException:
            continue
    return start()
