"""The operators' socket without chasquictl: for many requests, and for wrong ones. Format: proto/ctl.h."""
import json
import socket


class Closed(Exception):
    """The daemon has closed the connection."""


class CtlSocket:
    def __init__(self, path, seconds=10):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(seconds)
        self.sock.connect(path)
        self.buffer = b""

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None

    def line(self):
        """The next answer."""
        while b"\n" not in self.buffer:
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                raise Closed
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def ask(self, noun, verb, *args, **opts):
        """The whole answer."""
        self.send(json.dumps({"noun": noun, "verb": verb, "args": args, "opts": opts}).encode() + b"\n")
        return self.line()

    def all(self, noun, verb, *args):
        """A list, page by page."""
        out, opts = [], {"limit": "1000"}
        while True:
            answer = self.ask(noun, verb, *args, **opts)
            out += answer["data"]
            if "cursor" not in answer:
                return out
            opts["cursor"] = answer["cursor"]

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
