#!/usr/bin/env bash
# fsspec 2026.9.0 with aiohttp 3.14.5: opening an address whose server is down, refuses (403) or fails (500) with a block size
# of 0 (a stream, for servers that send no ranges) raises FileNotFoundError, as for a file that is not there; `exists` is False
# for all of them. Whoever creates what does not exist, or takes a missing file for "nothing yet", goes on with nothing where
# the data are there. The truth stands in the error's __cause__ only.
source "$(dirname "$0")/_run.sh"
install fsspec==2026.9.0 aiohttp==3.14.5
run <<'PYTHON'
import http.server
import sys
import threading

import aiohttp
import fsspec


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(int(self.path.strip("/")))

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
there = f"http://127.0.0.1:{server.server_port}"
print(f"fsspec {fsspec.__version__}, aiohttp {aiohttp.__version__}")
seen = []
for what, address in (
    ("not there (404)", f"{there}/404"), ("refuses (403)", f"{there}/403"), ("fails (500)", f"{there}/500"),
    ("down", "http://127.0.0.1:1/a"),
):  # fmt: skip
    try:
        exists = fsspec.filesystem("http").exists(address)
    except Exception as error:
        exists = type(error).__name__
    try:
        with fsspec.open(address, "rb", block_size=0) as file:
            file.read()
        opened = cause = "no error"
    except Exception as error:
        opened, cause = type(error).__name__, type(error.__cause__).__name__
    seen.append(opened)
    print(f"{what:16} exists: {exists!s:20} open: {opened:18} because of: {cause}")
sys.exit(seen != ["FileNotFoundError"] * 4)
PYTHON
