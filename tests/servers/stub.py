"""What the stubs of storage services share: requests answered from memory, by threads."""

import http.server
import json
import sys
import threading
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Else the body waits until the client has confirmed the headers.
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.lock = self.server.lock

    def parse(self):
        """The path, decoded, and the query of the request."""
        parts = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
        return urllib.parse.unquote(parts.path), dict(query)

    def body(self):
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def answer(self, status, body=b"", headers=()):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers = [("content-type", "application/json"), *headers]
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def content(self, data, headers=()):
        """Answers with all of some data, or with the range that was asked for."""
        wanted = self.headers.get("range")
        if not wanted:
            return self.answer(200, data, headers)
        first, last = wanted.removeprefix("bytes=").split("-")
        first = int(first)
        last = min(int(last) if last else len(data) - 1, len(data) - 1)
        if first > last:
            return self.answer(416, b"", headers)
        place = f"bytes {first}-{last}/{len(data)}"
        self.answer(206, data[first : last + 1], [("content-range", place), *headers])


def serve(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), handler)
    server.daemon_threads = True
    server.lock = threading.Lock()
    server.serve_forever()
