"""A proxy in front of an object store that does to requests what networks and stores under load do to them."""

import contextlib
import random
import re
import socket
import struct
import threading
import time

# What may be done to a request. "lost" and "cut" are done to the answer: the store has obeyed.
NOISE = ["reset", "reset in body", "stall", "500", "503", "error in 200", "lost", "cut", "slow", "damaged"]

INTERNAL = b"<?xml version='1.0'?><Error><Code>InternalError</Code><Message>We are sorry.</Message></Error>"
SLOW_DOWN = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Not so fast.</Message></Error>"


class Noise:
    """Every request may meet a fault, the same one never more than `patience` times in a row."""

    def __init__(self, seed, share=0.4, patience=3, kinds=NOISE):
        self.random = random.Random(seed)
        self.share, self.patience, self.kinds = share, patience, kinds
        self.met = {}
        self.count = 0

    def __call__(self, request):
        if self.met.get(request.line, 0) >= self.patience or self.random.random() > self.share:
            self.met[request.line] = 0
            return None
        self.met[request.line] = self.met.get(request.line, 0) + 1
        self.count += 1
        return self.random.choice(self.kinds)


class Wall:
    """Requests of one operation always meet the same fault."""

    def __init__(self, operation, kind):
        self.operation, self.kind = operation, kind
        self.count = 0

    def __call__(self, request):
        if request.operation != self.operation:
            return None
        self.count += 1
        return self.kind


class Request:
    def __init__(self, head):
        self.head = head
        self.line = head.split(b"\r\n", 1)[0].decode()
        self.method, self.target = self.line.split(" ")[:2]
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
        self.length = int(length[1]) if length else 0
        self.expects = re.search(rb"\r\nexpect: *100", head, re.I) is not None

    @property
    def operation(self):
        query = self.target.partition("?")[2]
        if self.method == "POST":
            return "complete" if "uploadId=" in query else "create"
        if self.method == "PUT":
            return "part" if "partNumber=" in query else "put"
        return self.method.lower()


class Proxy:
    """Passes requests on to port. plan(request) names the fault that one meets, gives the answer
    as bytes, or gives None."""

    def __init__(self, port, plan):
        self.port, self.plan = port, plan
        self.lock = threading.Lock()
        self.seen = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), client:
            while head := read_head(client):
                request = Request(head)
                with self.lock:
                    fault = self.plan(request)
                    self.seen.append((request.operation, fault))
                if not self._do(client, request, fault):
                    return

    def _do(self, client, request, fault):
        """False if the connection is at its end."""
        if isinstance(fault, bytes):
            read_exactly(client, request.length)
            client.sendall(fault)
            return True
        if fault == "reset":
            return reset(client)
        if request.expects:
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if fault == "reset in body":
            read_exactly(client, request.length // 2)
            return reset(client)
        body = read_exactly(client, request.length, pause=0.05 if fault == "slow" else 0)
        if fault == "stall":
            time.sleep(4)
            return False
        if fault == "500":
            return answer(client, request, 500, INTERNAL)
        if fault == "503":
            return answer(client, request, 503, SLOW_DOWN, b"Retry-After: 1\r\n")
        if fault == "error in 200" and request.operation == "complete":
            return answer(client, request, 200, INTERNAL)
        if fault == "damaged" and body:
            middle = len(body) // 2
            body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1:]
        reply = self._pass_on(request, body)
        if fault == "lost":
            return reset(client)
        if fault == "cut":
            client.sendall(reply[:len(reply) // 2])
            return False
        client.sendall(reply)
        return True

    def _pass_on(self, request, body):
        with socket.create_connection(("127.0.0.1", self.port)) as server:
            head = re.sub(rb"\r\nexpect:[^\r]*", b"", request.head, flags=re.I)
            server.sendall(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1) + body)
            reply = b""
            while block := server.recv(1 << 20):
                reply += block
        return re.sub(rb"\r\nconnection: *close", b"", reply, count=1, flags=re.I)


def read_head(client):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = client.recv(1)
        if not byte:
            return b""
        head += byte
    return head


def read_exactly(client, size, pause=0.0):
    body = bytearray()
    while len(body) < size:
        block = client.recv(min(size - len(body), 1 << 18))
        if not block:
            raise OSError("the client has gone")
        body += block
        time.sleep(pause)
    return bytes(body)


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    return False


def answer(client, request, status, body, headers=b""):
    head = b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n%s\r\n" % (status, len(body), headers)
    client.sendall(head + (b"" if request.method == "HEAD" else body))
    return True
