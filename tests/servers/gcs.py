"""A stub of Google Cloud Storage, JSON and XML interfaces, after Google's documentation. Usage: gcs.py PORT"""

import hashlib
import itertools
import re

import stub

FILES, UPLOADS, IDS = {}, {}, itertools.count(1)
API, UPLOAD = "/storage/v1/b/", "/upload/storage/v1/b/"


def resource(name):
    data, generation = FILES[name]
    seconds = generation % 60
    return {
        "name": name,
        "size": str(len(data)),
        "etag": f"C{generation}=",
        "generation": str(generation),
        "md5Hash": hashlib.md5(data).hexdigest(),
        "updated": f"2026-01-01T00:00:{seconds:02}.000Z",
        "contentType": "application/octet-stream",
    }


def keep(name, data):
    FILES[name] = (data, next(IDS))


class Gcs(stub.Handler):
    def object(self, path):
        """The name of an object: of the JSON interface, or of the XML one."""
        found = re.match(rf"{API}bucket/o/(.*)", path) or re.match(r"/bucket/(.*)", path)
        return found and found[1]

    def do_GET(self):
        path, query = self.parse()
        with self.lock:
            if path.rstrip("/") == f"{API}bucket/o":
                return self.list(query)
            name = self.object(path)
            if name not in FILES:
                return self.answer(404, {"error": {"code": 404, "message": "No such object", "errors": []}})
            if path.startswith(API) and query.get("alt") != "media":
                return self.answer(200, resource(name))
            self.content(FILES[name][0], [("etag", resource(name)["etag"])])

    do_HEAD = do_GET

    def list(self, query):
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        names = sorted(name for name in FILES if name.startswith(prefix) and name > query.get("pageToken", ""))
        items, prefixes = [], set()
        for name in names:
            rest = name.removeprefix(prefix)
            if delimiter and delimiter in rest:
                prefixes.add(prefix + rest.split(delimiter)[0] + delimiter)
            else:
                items.append(name)
        page = items[:50]
        answer = {"items": [resource(name) for name in page], "prefixes": sorted(prefixes)}
        if len(items) > len(page):
            answer["nextPageToken"] = page[-1]
        self.answer(200, answer)

    def do_POST(self):
        path, query = self.parse()
        body = self.body()
        with self.lock:
            if path.startswith(UPLOAD):
                if query["uploadType"] == "multipart":
                    boundary = re.search('boundary="?([^";]+)', self.headers["content-type"])[1]
                    parts = body.split(b"--" + boundary.encode())[1:-1]
                    body = parts[1].split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n")
                keep(query["name"], body)
                return self.answer(200, resource(query["name"]))
            name = self.object(path)
            if "uploads" in query:
                upload = f"u{next(IDS)}"
                UPLOADS[upload] = {}
                text = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
                return self.answer(200, text.encode(), [("content-type", "application/xml")])
            parts = UPLOADS.pop(query["uploadId"])
            keep(name, b"".join(parts[number] for number in sorted(parts)))
            self.answer(200, b"<CompleteMultipartUploadResult/>", [("etag", resource(name)["etag"])])

    def do_PUT(self):
        _, query = self.parse()
        body = self.body()
        with self.lock:
            UPLOADS[query["uploadId"]][int(query["partNumber"])] = body
            self.answer(200, b"", [("etag", f'"{hashlib.md5(body).hexdigest()}"')])

    def do_DELETE(self):
        path, query = self.parse()
        with self.lock:
            if "uploadId" in query:
                UPLOADS.pop(query["uploadId"], None)
                return self.answer(204)
            is_there = FILES.pop(self.object(path), None) is not None
            self.answer(204 if is_there else 404)


stub.serve(Gcs)
