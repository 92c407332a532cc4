"""Examples of what asks a gateway for its health, in conf/examples: the programs
they are for take them, and reach a gateway with them."""

import contextlib
import http.client
import shutil
import subprocess

import pytest
import yaml

from conftest import ROOT, free_port, wait_until

EXAMPLES = ROOT / "conf/examples"

# of Kubernetes' API: what a probe may name, and the number each must reach
PROBE = {"initialDelaySeconds": 0, "periodSeconds": 1, "timeoutSeconds": 1,
         "failureThreshold": 1, "successThreshold": 1}


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def moved(name, one, two, own):
    """The example, with its two gateways and its own port at others."""
    text = (EXAMPLES / name).read_text()
    for port, other in ((8000, one), (8100, two), (8080, own)):
        assert str(port) in text
        text = text.replace(str(port), str(other))
    return text


@contextlib.contextmanager
def running(*words):
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)


def wait_for(port, process):
    def answers():
        assert process.poll() is None, process.stderr.read()
        with contextlib.suppress(OSError):
            return ask(port, "/api/health") == 200

    wait_until(answers, 30, "answer")


@pytest.mark.skipif(not shutil.which("haproxy", path="/usr/sbin:/usr/bin"),
                    reason="haproxy is not installed")
def test_haproxy(gateway, tmp_path):
    port = free_port()
    config = tmp_path / "haproxy.cfg"
    config.write_text(moved("haproxy.cfg", gateway.port, gateway.port, port))

    for path in (config, EXAMPLES / "haproxy.cfg"):
        checked = subprocess.run(["/usr/sbin/haproxy", "-c", "-f", path],
                                 capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        assert "WARNING" not in checked.stderr

    with running("/usr/sbin/haproxy", "-db", "-f", config) as process:
        wait_for(port, process)


def test_nginx(gateway, tmp_path):
    """What one of two gateways does not answer, the other does."""
    port = free_port()
    config = tmp_path / "nginx.conf"
    (tmp_path / "example.conf").write_text(
        moved("nginx-upstream.conf", gateway.port, free_port(), port))
    config.write_text(f"""
daemon off;
pid {tmp_path}/nginx.pid;
error_log {tmp_path}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {tmp_path}/body;
    proxy_temp_path {tmp_path}/proxy;
    fastcgi_temp_path {tmp_path}/fastcgi;
    uwsgi_temp_path {tmp_path}/uwsgi;
    scgi_temp_path {tmp_path}/scgi;
    include example.conf;
}}
""")
    tmp_path.chmod(0o755)
    command = ["/usr/sbin/nginx", "-p", tmp_path, "-c", config, "-e", "error.log"]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True,
                             check=False)
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr

    with running(*command) as process:
        wait_for(port, process)
        assert [ask(port, "/api/health/liveness") for _ in range(6)] == [200] * 6
        for path in ("readiness", "liveness"):
            assert ask(port, f"/gateway/{gateway.port}/{path}") == 200


def test_kubernetes(gateway):
    """Each probe is one that Kubernetes takes, and asks what there is; there is
    time for requests to end before a pod is killed."""
    pod = yaml.safe_load((EXAMPLES / "kubernetes.yaml").read_text())
    assert (pod["apiVersion"], pod["kind"]) == ("v1", "Pod")
    assert set(pod) == {"apiVersion", "kind", "metadata", "spec"}
    assert all(isinstance(value, str)
               for value in pod["metadata"]["annotations"].values())

    container, = pod["spec"]["containers"]
    port, = (entry["containerPort"] for entry in container["ports"])
    annotations = pod["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(port)
    paths = {annotations["prometheus.io/path"]}

    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = dict(container[name])
        request = probe.pop("httpGet")
        assert set(request) == {"path", "port"} and request["port"] == port
        assert all(isinstance(value, int) and value >= PROBE[key]
                   for key, value in probe.items())
        assert probe.get("timeoutSeconds", 1) <= probe.get("periodSeconds", 10)
        paths.add(request["path"])

    assert container["livenessProbe"]["httpGet"]["path"].endswith("/liveness")
    for path in paths:
        assert gateway.request("GET", path).status == 200

    command = container["lifecycle"]["preStop"]["exec"]["command"]
    waits = [int(words.split()[1]) for words in command[2].split(";")
             if words.split()[0] == "sleep"]
    assert sum(waits) < pod["spec"]["terminationGracePeriodSeconds"]
    assert "nginx -s quit" in command[2]
