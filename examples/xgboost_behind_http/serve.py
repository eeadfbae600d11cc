"""Serves the model of `train.py`: rows as JSON in, probabilities out.

    python examples/xgboost_behind_http/serve.py FOLDER [PORT]

It knows nothing of rafair. Where MODEL_TOKEN is set, requests must bring it as a bearer token.
"""

from __future__ import annotations

import hmac
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import xgboost


class Model:
    """The model and the order of each column's words."""

    def __init__(self, folder: Path) -> None:
        self.words = json.loads((folder / "words.json").read_text())
        self.booster = xgboost.Booster(model_file=folder / "model.ubj")
        self.columns = self.booster.feature_names

    def probabilities(self, rows: list[dict[str, Any]]) -> list[list[float]]:
        """The probabilities of "no" and "yes" for each row."""
        numbers = [[self.number(name, row[name]) for name in self.columns] for row in rows]
        matrix = xgboost.DMatrix(np.array(numbers, np.float32), feature_names=self.columns)
        yes = self.booster.predict(matrix).astype(float)
        return np.stack([1 - yes, yes], axis=1).tolist()

    def number(self, name: str, value: Any) -> float:
        """A value as the trees know it; what is missing is NaN."""
        if value is None:
            return float("nan")
        return self.words[name].index(value) if name in self.words else float(value)


class Handler(BaseHTTPRequestHandler):
    """Answers POST /predict."""

    model: Model
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body go in two writes

    def do_POST(self) -> None:
        """Answers with probabilities, or with what is wrong."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        token = os.environ.get("MODEL_TOKEN")
        given = self.headers.get("Authorization", "")
        if token and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            self.answer(401, {"error": "no valid bearer token"})
        elif self.path != "/predict":
            self.answer(404, {"error": "POST /predict"})
        else:
            try:
                rows = json.loads(body)["rows"]
                self.answer(200, {"probabilities": self.model.probabilities(rows)})
            except (ValueError, KeyError, TypeError) as error:
                self.answer(422, {"error": f"not such rows: {error}"})

    def answer(self, status: int, content: Any) -> None:
        """Sends JSON."""
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing: thousands of lines help nobody."""


def main(folder: Path, port: int) -> None:
    """Serves until it is stopped."""
    Handler.model = Model(folder)
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}/predict", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8000)
