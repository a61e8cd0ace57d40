#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""report.html in a browser: loads nothing, fits a phone and paper, and its plots can be read. KTAP."""

import base64
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

TESTS = Path(__file__).resolve().parent
SCRIPTS = TESTS.parent
sys.path[:0] = [str(SCRIPTS), str(TESTS / "unit")]

# pylint: disable=wrong-import-position
import synthetic  # noqa: E402
from fsc import repo  # noqa: E402
from fsc.ktap import Ktap  # noqa: E402
from fsc.result import environment, result  # noqa: E402

OUT = repo.BUILD / "check/report"
REFERENCE = repo.ROOT / "results/reference/7.3"
LOOK = (TESTS / "report.js").read_text()
# Name, width in CSS pixels, medium. Paper: A4 less margins of 1 cm.
WIDTHS = (("360", 360, "screen"), ("1280", 1280, "screen"), ("print", 718, "print"))
TALLEST = 8000                     # of a screenshot; what is longer is cut into several
# A page that has all that must not be; 192.0.2.1 is nobody's.
PLANTED = """<!DOCTYPE html><html lang="en"><title>planted</title><meta name="viewport" content="width=device-width">
<script>console.error("planted");</script><img src="http://192.0.2.1/planted.png" alt="">
<a href="#nowhere">nowhere</a><div style="width: 3000px">wide</div>
<figure id="small"><svg width="0" height="0"></svg></figure>
<figure id="text"><svg width="200" height="100"><text x="10" y="50" font-size="5">tiny</text>
<text x="150" y="20" font-size="20">a long one</text><text x="10" y="90" font-size="20">one</text>
<text x="14" y="88" font-size="20">other</text></svg></figure></html>"""
SEEN_IN_PLANTED = ("scrolls sideways", "leads nowhere: #nowhere", "small: 0 x 0", "'tiny' is 5.0 px",
                   "'a long one' is cut off", "'one' lies over 'other'")


class Browser:
    """Headless Chromium."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, page: Path, width: int, medium: str) -> list[str]:
        """Show a page; return the complaints about what was loaded and what was said on the console."""
        # A window cannot be as narrow as a phone: the screen is emulated.
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium})
        self.driver.get(page.as_uri())
        said = [entry["message"] for entry in self.driver.get_log("browser")]
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                said += [] if url.startswith(("file:", "data:")) else [f"loads {url}"]
        return said

    def look(self, width: int) -> list[str]:
        """Complaints about the layout."""
        return self.driver.execute_script(LOOK, width)

    def picture(self, file: Path, width: int) -> None:
        height = self.driver.execute_script("return document.scrollingElement.scrollHeight")
        for number, top in enumerate(range(0, height, TALLEST), 1):
            clip = {"x": 0, "y": top, "width": width, "height": min(TALLEST, height - top), "scale": 1}
            taken = self.driver.execute_cdp_cmd("Page.captureScreenshot", {
                "format": "png", "captureBeyondViewport": True, "clip": clip})
            file.with_name(f"{file.name}-{number}.png").write_bytes(base64.b64decode(taken["data"]))


@contextmanager
def browser() -> Iterator[Browser]:
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    # As root it has no sandbox; in containers /dev/shm is small.
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    try:
        yield Browser(driver)
    finally:
        driver.quit()


def curves(folder: Path) -> None:
    """A folder with all that a report can have: runs with their series, and a matrix."""
    suite = synthetic.suite()
    boots = synthetic.boots(suite)
    found = result.build(suite, boots, environment.gather(suite, boots, True, ""))
    synthetic.put_folder(folder, synthetic.with_curves(found), boots)


def check_page(out: Ktap, on: Browser, name: str, page: Path) -> None:
    for how, width, medium in WIDTHS:
        said = on.open(page, width, medium)
        out.result(not said, f"{name}, {how}: no word on the console, nothing loaded", "\n".join(said))
        wrong = on.look(width)
        out.result(not wrong, f"{name}, {how}: links, plots and their words", "\n".join(wrong))
        on.picture(OUT / f"{name}-{how}", width)


def main() -> int:
    """Return the exit status."""
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="folioscale-report-") as name, browser() as on:
        made = Path(name) / "curves"
        curves(made)
        pages = {"default": [REFERENCE / "default"], "paths": [REFERENCE / "paths"], "curves": [made],
                 "two": [REFERENCE / "default", made]}
        out = Ktap(lambda line: print(line, flush=True), 2 + len(pages) * (1 + 2 * len(WIDTHS)))

        planted = Path(name) / "planted.html"
        planted.write_text(PLANTED)
        said = "\n".join(on.open(planted, 360, "screen"))
        out.result('"planted"' in said and "loads http://192.0.2.1" in said,
                   "sees a planted load, and a word on the console", said)
        wrong = "\n".join(on.look(360))
        out.result(all(text in wrong for text in SEEN_IN_PLANTED), "sees planted bugs in a layout", wrong)

        for name, folders in pages.items():
            page = OUT / f"{name}.html"
            done = subprocess.run([str(SCRIPTS / "folioscale"), "report", *map(str, folders), "--out", str(page)],
                                  check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            out.result(done.returncode == 0, f"{name}: folioscale report: exit status 0", done.stdout)
            check_page(out, on, name, page)
    return 1 if out.count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
