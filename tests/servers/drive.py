"""A stub of Google Drive v3 behind a proxy that speaks for www.googleapis.com. Usage: drive.py PORT CERTIFICATE KEY

As there, several files of a folder may have the same name. Clients that take this for their proxy of HTTPS, and the
certificate for one to trust, have no other way to Google.
"""

import itertools
import json
import re
import ssl
import sys

import stub

FOLDER = "application/vnd.google-apps.folder"
FILES, IDS = {"root": {"id": "root", "name": "root", "mimeType": FOLDER, "parents": [], "data": b""}}, itertools.count(1)


def resource(file):
    found = {key: file[key] for key in ("id", "name", "mimeType", "parents")}
    if file["mimeType"] != FOLDER:
        found["size"] = str(len(file["data"]))
    return found | {"modifiedTime": "2026-01-01T00:00:00.000Z"}


def make(meta, data):
    name = f"id{next(IDS)}"
    kind = meta.get("mimeType", "application/octet-stream")
    FILES[name] = {"id": name, "name": meta["name"], "mimeType": kind, "parents": meta.get("parents", ["root"]), "data": data}
    return resource(FILES[name])


class Drive(stub.Handler):
    def do_CONNECT(self):
        self.send_response(200)
        self.end_headers()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
        self.connection = self.request = context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def do_GET(self):
        path, query = self.parse()
        with self.lock:
            if path == "/drive/v3/files":
                return self.list(query)
            file = FILES.get(path.rsplit("/", 1)[1])
            if file is None:
                return self.answer(404, {"error": {"code": 404, "message": "File not found"}})
            if query.get("alt") == "media":
                return self.content(file["data"])
            self.answer(200, resource(file))

    def list(self, query):
        wanted = query.get("q", "")
        name = re.search(r"name\s*=\s*'((?:[^'\\]|\\.)*)'", wanted)
        parents = set(re.findall(r"'([^']+)' in parents", wanted))
        is_folder = f"mimeType = '{FOLDER}'" in wanted
        found = [
            file
            for file in FILES.values()
            if (not name or file["name"] == name[1].replace("\\'", "'"))
            and (not parents or parents & set(file["parents"]))
            and (not is_folder or file["mimeType"] == FOLDER)
        ]
        # The newest first, as the client asks for where it looks for a name.
        found.reverse()
        start, size = int(query.get("pageToken", 0)), int(query.get("pageSize", 100))
        answer = {"files": [resource(file) for file in found[start : start + size]]}
        if len(found) > start + size:
            answer["nextPageToken"] = str(start + size)
        self.answer(200, answer)

    def do_POST(self):
        path, _ = self.parse()
        body = self.body()
        with self.lock:
            if not path.startswith("/upload"):
                return self.answer(200, make(json.loads(body), b""))
            boundary = re.search('boundary="?([^";]+)', self.headers["content-type"])[1]
            parts = body.split(b"--" + boundary.encode())[1:-1]
            meta, data = (part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n") for part in parts)
            self.answer(200, make(json.loads(meta), data))

    def do_PATCH(self):
        path, _ = self.parse()
        body = self.body()
        with self.lock:
            file = FILES[path.rsplit("/", 1)[1]]
            if path.startswith("/upload"):
                file["data"] = body
            elif json.loads(body).get("trashed"):
                FILES.pop(file["id"])
            self.answer(200, resource(file))

    def do_DELETE(self):
        path, _ = self.parse()
        with self.lock:
            is_there = FILES.pop(path.rsplit("/", 1)[1], None) is not None
            self.answer(204 if is_there else 404)


stub.serve(Drive)
