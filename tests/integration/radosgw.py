"""An object store of our own: Ceph's radosgw with one monitor and one OSD in memory, and a client that shares no code with
the program under test. Everything listens on 127.0.0.1, dies with us, and is in a temporary folder.
"""

import atexit
import contextlib
import ctypes
import datetime
import hashlib
import hmac
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
import uuid
import xml.etree.ElementTree as ElementTree
from pathlib import Path

KEY, SECRET = "AKIATEST", "secretkey-of-the-tests"

CONFIGURATION = """[global]
fsid = {fsid}
mon_host = v1:127.0.0.1:{monitor}
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_msgr2 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
# The default of one second makes the start take ten.
paxos_propose_interval = 0.02
paxos_min_wait = 0.01
mon_allow_pool_size_one = true
mon_data_avail_crit = 1
mon_max_pg_per_osd = 1000
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = 4294967296
mon_data = {folder}/mon
osd_data = {folder}/osd
run_dir = {folder}/run
log_file = {folder}/$name.log
admin_socket = {folder}/run/$name.asok
pid_file = {folder}/run/$name.pid
# What is deleted gives its memory back while the tests run.
rgw_gc_obj_min_wait = 5
rgw_gc_processor_period = 10
rgw_gc_processor_max_time = 10
[client.rgw.a]
# Buckets as BUCKET.localhost, too.
rgw_dns_name = localhost
# Pages of lists.
rgw_max_listing_results = 50
rgw_frontends = beast endpoint=127.0.0.1:{port} ssl_endpoint=127.0.0.1:{tls_port} ssl_certificate={folder}/cert.pem ssl_private_key={folder}/key.pem
[client.rgw.sts]
rgw_frontends = beast endpoint=127.0.0.1:{sts_port}
rgw_s3_auth_use_sts = true
rgw_sts_key = of-the-tests-16b
"""

_libc = ctypes.CDLL(None, use_errno=True)


def free_ports(count):
    """Ports that nobody uses now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Radosgw:
    """start() takes a second on a machine that has nothing else to do; client makes buckets and looks into them."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="drydock-rgw-", dir=os.environ.get("DRYDOCK_TEST_SERVERS")))
        self.monitor, self.port, self.tls_port, self.sts_port = free_ports(4)
        self.processes = []
        self.client = Client("127.0.0.1", self.port)
        atexit.register(self.destroy)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self):
        return f"https://localhost:{self.tls_port}"

    @property
    def ca(self):
        return self.folder / "cert.pem"

    def start(self):
        for name in ("mon", "osd", "run"):
            (self.folder / name).mkdir()
        fsid, osd = uuid.uuid4(), uuid.uuid4()
        (self.folder / "ceph.conf").write_text(CONFIGURATION.format(
            fsid=fsid, folder=self.folder, monitor=self.monitor, port=self.port, tls_port=self.tls_port,
            sts_port=self.sts_port))
        self._run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                  "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self.folder / "key.pem",
                  "-out", self.ca)
        self._run("monmaptool", "--create", "--clobber", "--addv", "a", f"[v1:127.0.0.1:{self.monitor}]", "--fsid", fsid,
                  self.folder / "monmap")
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", self.folder / "monmap")
        self._start("ceph-mon", "-f", "-i", "a")
        self._until_obeyed("ceph", "osd", "new", osd, "0")
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._start("ceph-osd", "-f", "-i", "0")
        self._make_user()
        self._start("radosgw", "-f", "-n", "client.rgw.a")
        self._wait_for(self.client)
        return self

    def start_sessions(self):
        """A second server for the same buckets, which knows session tokens and does not say what is wrong with keys."""
        self._start("radosgw", "-f", "-n", "client.rgw.sts")
        client = Client("127.0.0.1", self.sts_port)
        self._wait_for(client)
        return client

    def _wait_for(self, client):
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return client.request("GET", "/")
            assert time.monotonic() < deadline, f"radosgw did not start, see {self.folder}"
            time.sleep(0.05)

    def _make_user(self):
        """Needs the OSD, which now and then has not heard from the monitor in time ("wrong fsid") and gives up."""
        with self._open("radosgw-admin", "user", "create", "--uid=test", "--display-name=test", f"--access-key={KEY}",
                        f"--secret={SECRET}", "--caps=user-policy=*") as user:
            deadline = time.monotonic() + 120
            while user.poll() is None:
                assert time.monotonic() < deadline, f"radosgw-admin does not end, see {self.folder}"
                if self.processes[1].poll() is not None:
                    self.processes[1] = self._open("ceph-osd", "-f", "-i", "0")
                time.sleep(0.02)
            assert user.returncode == 0, f"radosgw-admin has failed, see {self.folder}"

    def destroy(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        self.processes = []
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.destroy)

    def _environment(self):
        return {**os.environ, "CEPH_CONF": str(self.folder / "ceph.conf")}

    def _run(self, *command):
        done = subprocess.run([str(each) for each in command], env=self._environment(), capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"

    def _until_obeyed(self, *command):
        """A monitor that has just begun answers, and refuses."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return self._run(*command)
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def _start(self, *command):
        self.processes.append(self._open(*command))

    def _open(self, *command):
        with (self.folder / "start.log").open("ab") as log:
            return subprocess.Popen(
                command, env=self._environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=lambda: _libc.prctl(1, signal.SIGKILL), start_new_session=True)


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Client:
    """Just enough of S3, signed by a second implementation."""

    def __init__(self, host, port):
        self.host, self.port = host, port

    def request(self, method, path, query=None, body=b"", headers=None, service="s3"):
        """The answer's status and body; AssertionError for a refusal is left to ask()."""
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        path = urllib.parse.quote(path, safe="/-._~")
        query = "&".join(f"{urllib.parse.quote(k, safe='-._~')}={urllib.parse.quote(v, safe='-._~')}"
                         for k, v in sorted((query or {}).items()))
        payload = hashlib.sha256(body).hexdigest()
        signed = {"host": f"{self.host}:{self.port}", "x-amz-date": now, "x-amz-content-sha256": payload,
                  **{k.lower(): v for k, v in (headers or {}).items()}}
        names = ";".join(sorted(signed))
        canonical = "\n".join([method, path, query, *(f"{name}:{signed[name]}" for name in sorted(signed)), "", names,
                               payload])
        scope = f"{now[:8]}/us-east-1/{service}/aws4_request"
        key = f"AWS4{SECRET}".encode()
        for part in scope.split("/"):
            key = _hmac(key, part)
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        signed["authorization"] = (f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={names}, "
                                   f"Signature={_hmac(key, text).hex()}")
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path + ("?" + query if query else ""), body, signed)
            answer = connection.getresponse()
            return answer.status, answer.read(), dict(answer.getheaders())
        finally:
            connection.close()

    def ask(self, *arguments, **options):
        status, body, _ = self.request(*arguments, **options)
        assert status < 300, f"{arguments}: {status} {body}"
        return body

    def session(self):
        """(access key, secret key, token) of a session of an hour."""
        self._act("iam", Action="PutUserPolicy", Version="2010-05-08", UserName="test", PolicyName="all",
                  PolicyDocument='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}')
        tree = self._act("sts", Action="GetSessionToken", Version="2011-06-15", DurationSeconds="3600")
        return [tree.findtext(f".//{name}") for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]

    def _act(self, service, **form):
        return self._xml(self.ask("POST", "/", body=urllib.parse.urlencode(form).encode(), service=service,
                                  headers={"Content-Type": "application/x-www-form-urlencoded"}))

    def make_bucket(self, name, locking=False):
        headers = {"x-amz-bucket-object-lock-enabled": "true"} if locking else {}
        self.ask("PUT", f"/{name}", headers=headers)
        return name

    def put(self, bucket, key, body):
        self.ask("PUT", f"/{bucket}/{key}", body=body)

    def get(self, bucket, key):
        return self.ask("GET", f"/{bucket}/{key}")

    def head(self, bucket, key):
        """Its headers, None if it is not there."""
        status, _, headers = self.request("HEAD", f"/{bucket}/{key}")
        return {k.lower(): v for k, v in headers.items()} if status == 200 else None

    def keys(self, bucket):
        """The keys and their sizes, of a page."""
        tree = self._xml(self.ask("GET", f"/{bucket}", query={"list-type": "2", "max-keys": "1000"}))
        return {each.findtext("Key"): int(each.findtext("Size")) for each in tree.findall("Contents")}

    def uploads(self, bucket):
        """The keys of uploads that were begun and not ended."""
        tree = self._xml(self.ask("GET", f"/{bucket}", query={"uploads": ""}))
        return [each.findtext("Key") for each in tree.findall("Upload")]

    def versions(self, bucket):
        """(key, version, whether it is a delete marker) of everything that was ever put."""
        tree = self._xml(self.ask("GET", f"/{bucket}", query={"versions": ""}))
        return [(each.findtext("Key"), each.findtext("VersionId"), each.tag == "DeleteMarker")
                for each in tree if each.tag in ("Version", "DeleteMarker")]

    @staticmethod
    def _xml(body):
        return ElementTree.fromstring(re.sub(rb' xmlns="[^"]*"', b"", body, count=1))
