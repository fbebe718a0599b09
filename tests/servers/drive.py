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
UPLOADS = {}
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

    def begin(self, put):
        """Begins an upload whose bytes come by another request, and are then put where they belong."""
        name = str(next(IDS))
        UPLOADS[name] = put, int(self.headers["x-upload-content-length"])
        place = f"https://www.googleapis.com/upload/drive/v3/files?uploadType=resumable&upload_id={name}"
        self.answer(200, b"", [("location", place)])

    def do_PUT(self):
        _, query = self.parse()
        body = self.body()
        with self.lock:
            put, length = UPLOADS.pop(query["upload_id"])
            self.answer(200, put(body)) if len(body) == length else self.answer(400)

    def do_POST(self):
        path, query = self.parse()
        body = self.body()
        with self.lock:
            if not path.startswith("/upload"):
                return self.answer(200, make(json.loads(body), b""))
            if query["uploadType"] == "resumable":
                return self.begin(lambda data: make(json.loads(body), data))
            boundary = re.search('boundary="?([^";]+)', self.headers["content-type"])[1]
            parts = body.split(b"--" + boundary.encode())[1:-1]
            meta, data = (part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n") for part in parts)
            self.answer(200, make(json.loads(meta), data))

    def do_PATCH(self):
        path, query = self.parse()
        body = self.body()
        with self.lock:
            file = FILES[path.rsplit("/", 1)[1]]
            if query.get("uploadType") == "resumable":
                return self.begin(lambda data: file.update(data=data) or resource(file))
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
