"""A small application with the REST API that the connector of docs/plugins.md speaks.

python3 app.py PORT
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlparse

ITEMS = {
    "users": [
        {"id": "1", "login": "ada", "name": "Ada Lovelace", "email": "ada@example.com"},
        {"id": "2", "login": "grace", "name": "Grace Hopper", "email": "grace@example.com"},
    ],
    "groups": [],
}


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        url = urlparse(self.path)
        query = parse_qs(url.query)
        items = ITEMS.get(url.path.strip("/"))
        if items is None:
            self.answer(404, {"error": f"there is no {url.path}"})
            return
        offset = int(query.get("offset", ["0"])[0])
        limit = int(query.get("limit", ["100"])[0])
        self.answer(200, {"total": len(items), "items": items[offset : offset + limit]})

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", int(sys.argv[1])), Api).serve_forever()
