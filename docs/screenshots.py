"""Pictures of the report and of MLflow's pages, taken in Debian's chromium without a screen.

Needs the Debian packages chromium and chromium-driver, and selenium from PyPI, which nothing else
here does. MLflow is photographed where it is served (``python -m cal.adapters.tracking ui``).

examples:
  python docs/screenshots.py --report out/report.html --out docs/pictures
  python docs/screenshots.py --mlflow http://127.0.0.1:5000 --study default --out docs/pictures
"""

import argparse
import base64
import json
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cal.adapters import tracking_view

DESKTOP, PHONE, PAPER = (1280, 900), (390, 844), (1280, 1800)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--force-color-profile=srgb"),
)
NO_ASSISTANT = {  # MLflow opens a panel for an assistant over a third of the window
    "mlflow.assistant.panelOpen_v1": "false",
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
}
WAIT_S, STEP_S, CALM = 90.0, 1.0, 4  # MLflow is slow: so many equal pictures in a row


class Browser:
    """Chromium, driven; ``visit`` then ``save``."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def visit(self, address: str, *, size: tuple[int, int], phone: bool = False) -> None:
        """Open an address in a window of that size and wait until its picture is still."""
        metrics = {"width": size[0], "height": size[1], "mobile": phone}
        scale = {"deviceScaleFactor": 2 if phone else 1}
        self._tell("Emulation.setDeviceMetricsOverride", **metrics, **scale)
        self._tell("Emulation.setTouchEmulationEnabled", enabled=phone)
        self.driver.get("about:blank")  # else a new #... is not a new page
        self.driver.get(address)
        self.settle()

    def settle(self) -> None:
        """Until the picture has not changed for a while, or time is up."""
        end, last, calm = time.monotonic() + WAIT_S, b"", 0
        while time.monotonic() < end and calm < CALM:
            time.sleep(STEP_S)
            now = self.picture()
            calm, last = (calm + 1 if now == last else 0), now

    def picture(self, *, whole: bool = False) -> bytes:
        """A PNG of the window, or of the whole page below it too."""
        found = self._tell("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(found["data"])

    def remember(self, address: str, **found: str) -> None:
        """Set what the site at this address keeps in the browser."""
        self.driver.get(address)
        for key, value in found.items():
            self.driver.execute_script("localStorage.setItem(...arguments)", key, value)

    def click(self, text: str) -> None:
        """Click what carries this text, then wait."""
        self.driver.find_element("xpath", f"//*[text()='{text}']").click()
        self.settle()

    def hide(self, start: str) -> None:
        """Blank the lines that begin so: MLflow shows folders of this machine."""
        script = """for (const e of document.querySelectorAll("div, span, p")) {
            const text = e.textContent.trim();
            if (text.startsWith(arguments[0]) && text.length < 300) e.style.visibility = "hidden";
        }"""
        self.driver.execute_script(script, start)

    def overflow(self) -> int:
        """How many pixels of the page stick out to the right; 0 is right."""
        script = "const e = document.documentElement; return e.scrollWidth - e.clientWidth"
        return int(self.driver.execute_script(script))

    def faults(self) -> list[str]:
        """What is wrong with the page: too wide, or an error of its script."""
        wide = self.overflow()
        errors = [e["message"] for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]
        return [f"{wide} pixels stick out to the right"] * (wide > 0) + errors

    def length(self) -> int:
        """Height of the whole page in pixels."""
        return int(self.driver.execute_script("return document.documentElement.scrollHeight"))

    def print(self) -> bytes:
        """The page as PDF, as it is printed on A4."""
        paper = {"paperWidth": 8.27, "paperHeight": 11.69, "preferCSSPageSize": False}
        found = self._tell("Page.printToPDF", printBackground=True, **paper)
        return base64.b64decode(found["data"])

    def _tell(self, command: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, arguments)


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium with a profile of its own, gone at the end."""
    try:
        from selenium import webdriver
    except ModuleNotFoundError:
        sys.exit("selenium: not installed; pip install selenium")
    found = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    if not all(found.values()):
        sys.exit("chromium: not installed; apt-get install chromium chromium-driver")
    with tempfile.TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = str(found["chromium"])
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        service = webdriver.ChromeService(executable_path=found["chromedriver"])
        driver = webdriver.Chrome(options=options, service=service)
        try:
            yield Browser(driver)
        finally:
            driver.quit()


def report(page: Browser, path: Path, *, whole: bool) -> Iterator[tuple[str, bytes]]:
    """The report at desk and telephone width, and on paper; ``whole``: all the way down."""
    address = path.resolve().as_uri()
    for name, size, phone in (("desktop", PAPER, False), ("phone", PHONE, True)):
        page.visit(address, size=size, phone=phone)
        for fault in page.faults():
            print(f"report-{name}: {fault}")
        if whole:
            page.visit(address, size=(size[0], page.length()), phone=phone)
        yield f"report-{name}.png", page.picture(whole=whole)
    yield "report-print.pdf", page.print()


def mlflow(page: Browser, server: str, study: str) -> Iterator[tuple[str, bytes]]:
    """The pages a reader of the ledger opens: charts, grouped runs, comparison, report."""
    ledger = Ledger(server)
    regime, experiment = next(iter(ledger.regimes(study).items()))
    variants = ledger.runs(experiment, "variant")
    runs, own = (quote(json.dumps(x, separators=(",", ":"))) for x in (variants[:4], [experiment]))
    compared = tracking_view.addresses(ledger.regimes(study))[-1].fragment
    home = ledger.experiment(study)
    report_run = ledger.runs(home, "report")[0]
    kind = "workflowType=machine_learning"
    places = {
        "charts": tracking_view.charts(experiment),
        "grouped": tracking_view.grouped(experiment),
        "compare": f"#/compare-runs?runs={runs}&experiments={own}&{kind}",
        "regimes": compared,
        "report": f"#/experiments/{home}/runs/{report_run}/artifacts/report.html?{kind}",
    }
    page.remember(server, **NO_ASSISTANT)
    for name, place in places.items():
        page.visit(f"{server}/{place}", size=(1600, 1000))
        if name == "compare":  # its first plot is of no use: fold it, the table is below. Never
            # roll that table: MLflow 3.17 shifts names against values
            page.click("Visualizations")
            page.click("Run details")
        if name == "report":
            page.hide("Path:")
        yield f"mlflow-{name}.png", page.picture()
    print(f"MLflow: experiments of {study}, regime {regime}")


class Ledger:
    """What of MLflow's REST interface is needed to find its pages."""

    def __init__(self, server: str) -> None:
        self.server = server

    def experiment(self, name: str) -> str:
        """The id of an experiment."""
        found = self._ask("experiments/search", max_results=1000)["experiments"]
        return next(str(e["experiment_id"]) for e in found if e["name"] == name)

    def regimes(self, study: str) -> dict[str, str]:
        """The study's regimes, the first first, and their experiments' ids."""
        found = self._ask("experiments/search", max_results=1000)["experiments"]
        mine = [e for e in found if e["name"].startswith(f"{study}/")]
        mine.sort(key=lambda e: int(e["experiment_id"]))
        return {e["name"].removeprefix(f"{study}/"): str(e["experiment_id"]) for e in mine}

    def runs(self, experiment: str, level: str) -> list[str]:
        """Ids of the runs of a level, the oldest first."""
        question = {"experiment_ids": [experiment], "filter": tracking_view.level(level)}
        found = self._ask("runs/search", order_by=["attributes.start_time"], **question)
        return [run["info"]["run_id"] for run in found.get("runs", ())]

    def _ask(self, what: str, **question: Any) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.server}/api/2.0/mlflow/{what}",
            data=json.dumps(question).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return dict(json.load(answer))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit code 0."""
    options = _parser().parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    with browser() as page:
        taken: list[Iterator[tuple[str, bytes]]] = []
        if options.report is not None:
            taken.append(report(page, options.report, whole=options.whole))
        if options.mlflow is not None:
            taken.append(mlflow(page, options.mlflow.rstrip("/"), options.study))
        for pictures in taken:
            for name, data in pictures:
                (options.out / name).write_bytes(data)
                print(options.out / name)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="a report.html")
    parser.add_argument("--mlflow", metavar="ADDRESS", help="where MLflow is served, on loopback")
    parser.add_argument("--study", default="default", help="the study in MLflow; default: default")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--whole", action="store_true", help="the report all the way down")
    return parser


if __name__ == "__main__":
    sys.exit(main())
