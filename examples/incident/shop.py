"""A shop to break: a service in two versions, customers who use it, and a watch that raises alerts.

    python examples/incident/shop.py            # v1 serves; write to shop/traffic.json to change that
    python examples/incident/shop.py --deploy   # v2, which fails one request in three, takes all traffic

Its address stands in shop/address; of alerts it tells by `podium send`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter, deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SERVICE = "checkout"
REQUESTS_A_SECOND = 20
WINDOW_S = 2.0
ALARMING = 0.1


class Shop:
    """The service: each request goes to a version, by weights in `traffic.json` that anybody may change."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.traffic = folder / "traffic.json"
        folder.mkdir(parents=True, exist_ok=True)
        if not self.traffic.exists():
            self.traffic.write_text(json.dumps({SERVICE: {"v1": 100, "v2": 0}}))
        self.seen: deque[tuple[float, str, bool]] = deque()
        self._served = Counter[str]()
        self._lock = threading.Lock()
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                version, well = shop.serve()
                self.send_response(200 if well else 500)
                self.end_headers()
                self.wfile.write(json.dumps({"version": version, "well": well}).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/{SERVICE}"
        (folder / "address").write_text(self.url)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def serve(self) -> tuple[str, bool]:
        """The version that served a request, and whether it did so well."""
        weights = json.loads(self.traffic.read_text())[SERVICE]
        with self._lock:
            # Whoever is furthest behind its share is next: no chance, so that a few requests tell the truth.
            version = max(weights, key=lambda name: weights[name] / (self._served[name] + 1))
            self._served[version] += 1
            well = version != "v2" or self._served[version] % 3 != 0
            self.seen.append((time.monotonic(), version, well))
            return version, well

    def errors(self) -> dict[str, float]:
        """The share of requests that failed lately, by version."""
        with self._lock:
            while self.seen and self.seen[0][0] < time.monotonic() - WINDOW_S:
                self.seen.popleft()
            requests = Counter(version for _, version, _ in self.seen)
            failed = Counter(version for _, version, well in self.seen if not well)
        return {version: failed[version] / count for version, count in requests.items() if count >= 10}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def visit(url: str) -> None:
    """A customer."""
    try:
        urllib.request.urlopen(url, timeout=5).read()
    except urllib.error.HTTPError:
        pass


def alert(version: str, errors: float) -> None:
    """Tell everyone who listens."""
    data = {"service": SERVICE, "version": version, "errors": round(errors, 3)}
    command = [
        sys.executable,
        "-m",
        "podium.cli",
        "send",
        "--type",
        "alert.raised",
        "--source",
        "/shop/watch",
    ]
    told = subprocess.run([*command, "--data", json.dumps(data)], capture_output=True, text=True, check=False)
    print(f"alert: {errors:.0%} of requests to {version} fail. {(told.stdout or told.stderr).strip()}")


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--to", type=Path, default=Path("shop"), help="the folder that the shop lives in")
    options.add_argument("--deploy", action="store_true", help="send all traffic to v2, the broken one")
    given = options.parse_args()
    shop = Shop(given.to)
    if given.deploy:
        shop.traffic.write_text(json.dumps({SERVICE: {"v1": 0, "v2": 100}}))
    print(f"{shop.url} serves by the weights in {shop.traffic}; Ctrl-C ends it")
    told, weights = time.monotonic(), ""
    while True:
        visit(shop.url)
        time.sleep(1 / REQUESTS_A_SECOND)
        if weights != (weights := shop.traffic.read_text()):
            print(f"traffic: {weights}")
        if time.monotonic() > told + WINDOW_S:
            told = time.monotonic()
            for version, errors in shop.errors().items():
                if errors >= ALARMING:
                    alert(version, errors)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
