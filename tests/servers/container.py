"""Makes a container in Azure's blob storage. Usage: container.py ENDPOINT KEY NAME"""

import base64
import email.utils
import hashlib
import hmac
import sys
import urllib.request

endpoint, key, name = sys.argv[1:]
account = endpoint.rsplit("/", 1)[1]
date, version = email.utils.formatdate(usegmt=True), "2021-12-02"
text = "PUT" + 12 * "\n" + f"x-ms-date:{date}\nx-ms-version:{version}\n/{account}/{account}/{name}\nrestype:container"
signature = base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()
headers = {"x-ms-date": date, "x-ms-version": version, "Authorization": f"SharedKey {account}:{signature}"}
request = urllib.request.Request(f"{endpoint}/{name}?restype=container", method="PUT", headers=headers)
urllib.request.urlopen(request)
