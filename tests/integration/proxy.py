"""A proxy in front of the server's socket that can lose the server's answer to a statement."""

import os
import shutil
import socket
import tempfile
import threading

import psycopg2.extensions

from cluster import PORT, SUPERUSER


class Proxy:
    """Passes connections on. lose(b"COMMIT"): once a client has sent that, what the server says is dropped and the
    connection is closed, after the server has ended its work (or at once, if it does not answer)."""

    def __init__(self, cluster):
        self.folder = tempfile.mkdtemp(prefix="drydock-proxy-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.server = f"{cluster.folder}/.s.PGSQL.{PORT}"
        self.marks = []
        self.lost = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"{self.folder}/.s.PGSQL.{PORT}")
        self.listener.listen(20)
        threading.Thread(target=self._accept, daemon=True).start()

    def dsn(self, database, user=SUPERUSER):
        return psycopg2.extensions.make_dsn(host=self.folder, port=PORT, dbname=str(database), user=user)

    def lose(self, mark):
        self.marks.append(mark)

    def close(self):
        self.listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.server)
            losing = threading.Event()
            threading.Thread(target=self._forward, args=(client, server, losing), daemon=True).start()
            threading.Thread(target=self._back, args=(server, client, losing), daemon=True).start()

    def _forward(self, client, server, losing):
        while data := self._read(client):
            for mark in list(self.marks):
                if mark in data:
                    self.marks.remove(mark)
                    self.lost += 1
                    losing.set()
            try:
                server.sendall(data)
            except OSError:
                break
        self._shut(server, client)

    def _back(self, server, client, losing):
        while data := self._read(server):
            if losing.is_set():
                break
            try:
                client.sendall(data)
            except OSError:
                break
        self._shut(server, client)

    @staticmethod
    def _read(one):
        try:
            return one.recv(65536)
        except OSError:
            return b""

    @staticmethod
    def _shut(*sockets):
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
