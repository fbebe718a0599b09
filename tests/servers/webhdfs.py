"""A stub of HDFS's REST interface (WebHDFS), after Hadoop's documentation of it. Usage: webhdfs.py PORT

As there, nothing replaces what a name has: a rename to it, or to a folder that is not there, answers false.
"""

import stub

ROOT = "/webhdfs/v1"
FILES, FOLDERS = {}, {"/"}


def status(path, suffix=""):
    if path in FILES:
        data, time = FILES[path]
        return {"length": len(data), "modificationTime": time, "pathSuffix": suffix, "type": "FILE"}
    return {"length": 0, "modificationTime": 0, "pathSuffix": suffix, "type": "DIRECTORY"}


def parent(path):
    return path.rsplit("/", 1)[0] or "/"


def make_folders(path):
    while path not in FOLDERS:
        FOLDERS.add(path)
        path = parent(path)


class Hdfs(stub.Handler):
    clock = 1_700_000_000_000

    def read(self):
        path, query = self.parse()
        path = "/" + path.removeprefix(ROOT).strip("/")
        return path, query, query.get("op", "")

    def missing(self, path):
        text = f"File does not exist: {path}"
        name = "java.io.FileNotFoundException"
        error = {"exception": "FileNotFoundException", "javaClassName": name, "message": text}
        self.answer(404, {"RemoteException": error})

    def here(self, path, query):
        rest = "&".join(f"{key}={value}" for key, value in query.items())
        return f"http://{self.headers['host']}{ROOT}{path}?{rest}&data=true"

    def do_GET(self):
        path, query, op = self.read()
        with self.lock:
            if path not in FILES and path not in FOLDERS:
                return self.missing(path)
            if op == "GETFILESTATUS":
                return self.answer(200, {"FileStatus": status(path)})
            if op == "LISTSTATUS_BATCH":
                names = [name for name in FILES | dict.fromkeys(FOLDERS) if name != "/" and parent(name) == path]
                names = sorted(name.rsplit("/", 1)[1] for name in names)
                left = [name for name in names if name > query.get("startAfter", "")]
                page, rest = left[:50], left[50:]
                listed = [status(path.rstrip("/") + "/" + name, name) for name in page]
                listing = {"FileStatuses": {"FileStatus": listed}}
                listing = {"partialListing": listing, "remainingEntries": len(rest)}
                return self.answer(200, {"DirectoryListing": listing})
            if op == "OPEN" and "data" not in query:
                return self.answer(307, b"", [("location", self.here(path, query))])
            data = FILES[path][0][int(query.get("offset", 0)) :]
            self.answer(200, data[: int(query.get("length", len(data)))])

    def do_PUT(self):
        path, query, op = self.read()
        body = self.body()
        with self.lock:
            if op == "MKDIRS":
                make_folders(path)
                return self.answer(200, {"boolean": True})
            if op == "RENAME":
                return self.answer(200, {"boolean": self.rename(path, query["destination"])})
            if "data" not in query:
                return self.answer(200, {"Location": self.here(path, query)})
            make_folders(parent(path))
            Hdfs.clock += 1000
            FILES[path] = (body, Hdfs.clock)
            self.answer(201)

    def rename(self, path, to):
        is_free = to not in FILES and to not in FOLDERS
        if path not in FILES or not is_free or parent(to) not in FOLDERS:
            return False
        FILES[to] = FILES.pop(path)
        return True

    def do_DELETE(self):
        path, _, _ = self.read()
        with self.lock:
            self.answer(200, {"boolean": FILES.pop(path, None) is not None})


stub.serve(Hdfs)
