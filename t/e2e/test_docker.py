"""docker/: what the composition says is what the images and the configuration
need.  No container is run here."""

import pathlib
import re
import shlex

import pytest
import yaml

from conftest import ROOT

COMPOSE = ROOT / "docker/compose.yaml"
VARIABLE = re.compile(r"\$\$|\$\{(\w+)(:\?|:-)?([^}]*)\}|\$(\w+)")


def composed(environment):
    """compose.yaml with its variables filled in, as Compose does it."""
    def value(found):
        name, kind, default, plain = found.groups()
        if found[0] == "$$":
            return "$"
        assert plain is None, f"${plain} may be empty"
        if environment.get(name):
            return environment[name]
        if kind == ":?":
            raise KeyError(name)
        assert kind == ":-", f"{name} may be empty"
        return default

    def fill(node):
        if isinstance(node, dict):
            return {key: fill(item) for key, item in node.items()}
        if isinstance(node, list):
            return [fill(item) for item in node]
        return VARIABLE.sub(value, node) if isinstance(node, str) else node

    return fill(yaml.safe_load(COMPOSE.read_text()))


def required():
    return {name for name, kind, _, _ in VARIABLE.findall(COMPOSE.read_text()) if kind == ":?"}


@pytest.fixture
def compose():
    return composed({name: f"the-{name}" for name in required()})


def instructions(path):
    """A Dockerfile's: [(word, rest)]"""
    text = re.sub(r"(?m)^#.*\n", "", path.read_text()).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def dockerfile(service):
    return ROOT / service["build"]["dockerfile"] if "build" in service else None


def test_nothing_starts_without_its_secrets(compose):
    names = required()
    assert {"OWNER_PASSWORD", "REDIS_PASSWORD", "LEADGEN_JWT_KEY", "TRACKING_KEY", "EXPORT_KEY"} <= names
    for name in names:
        with pytest.raises(KeyError, match=name):
            composed({other: "x" for other in names - {name}})
    # what makes them stands at the top, for people to copy
    told = COMPOSE.read_text().partition("name: leadgen")[0]
    assert names == {f"{name}_{kind}" for kind in ("PASSWORD", "KEY")
                     for line in re.findall(rf"for name in ([A-Z_ ]+);[^\n]*_{kind}=", told) for name in line.split()}


def test_services_fit_together(compose):
    services = compose["services"]
    assert {"postgres", "redis", "gateway", "worker", "beat", "smtp", "backend"} <= services.keys()
    images = {service["image"] for service in services.values() if "build" in service}
    for name, service in services.items():
        build = dockerfile(service)
        assert build is None or build.exists()
        assert "build" in service or ":" in service["image"] or service["image"] in images
        for other, how in service.get("depends_on", {}).items():
            other = services[other]
            if how["condition"] == "service_healthy":
                assert is_checked(other), name
            if how["condition"] == "service_completed_successfully":
                assert "restart" not in other
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in compose["volumes"] or (COMPOSE.parent / source).exists()
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")
        # what stays must say how it is; beat has nothing to be asked by
        assert is_checked(service) or name in ("migrate", "beat")


def is_checked(service):
    check = service.get("healthcheck", {})
    build = dockerfile(service)
    return not check.get("disable") and ("test" in check or (
        build is not None and "HEALTHCHECK" in dict(instructions(build))))


def test_the_gateway_gets_what_its_configuration_reads(compose):
    given = compose["services"]["gateway"]["environment"]
    read = {name for path in (ROOT / "conf").glob("*.conf") for name in re.findall(r"\benv:(\w+)", path.read_text())}
    script = (ROOT / "docker/gateway.sh").read_text()
    read |= set(re.findall(r"\$([A-Z_]{3,})", script.partition("\nfi\n")[2]))
    assert read and read <= given.keys()
    assert set(re.findall(r"\$([A-Z_]{3,})", script.partition("\nfi\n")[0])) <= (
        compose["services"]["migrate"]["environment"].keys())
    # and files that only the machine knows, but for those that may be missing
    for name in re.findall(r"\blocal/([\w.]+)", " ".join(path.read_text() for path in (ROOT / "conf").glob("*.conf"))):
        assert name in script or name == "probe.conf", name


@pytest.mark.parametrize("path", sorted((ROOT / "docker").glob("Dockerfile.*")), ids=lambda path: path.suffix[1:])
def test_images_are_made_of_what_is_there(path):
    lines = instructions(path)
    for word, rest in lines:
        words = shlex.split(rest)
        if word == "COPY" and not words[0].startswith("--from"):
            for source in words[:-1]:
                assert (ROOT / source).exists(), source
    assert "HEALTHCHECK" in dict(lines) and "latest" not in dict(lines)["FROM"]


def test_the_module_is_built_of_what_was_copied():
    """What `config` and build.sh read comes before they run."""
    before = (ROOT / "docker/Dockerfile.gateway").read_text().partition("RUN docker/local/build.sh")[0]
    copied = {source for word, rest in re.findall(r"(?m)^(COPY) (.*)", before) for source in rest.split()[:-1]}
    read = set(re.findall(r"\$ngx_addon_dir/([\w/.]+)", (ROOT / "config").read_text()))
    read |= set(re.search(r"sha256sum ([^)]*)\)", (ROOT / "docker/local/build.sh").read_text())[1].split())
    assert "sql/sqitch.plan" in read
    for name in read:
        assert any(name == source or name.startswith(source + "/") for source in copied), name


def test_the_dashboard_is_where_nginx_looks():
    """Below html, in the image as in what `make up` writes."""
    roots = set(re.findall(r"\broot (\S+);", (ROOT / "conf/dashboard.conf").read_text()))
    build = pathlib.Path(ROOT / "docker/Dockerfile.gateway").read_text()
    target = re.search(r"COPY --from=dashboard /src/dashboard/dist (\S+)", build)[1]
    assert roots == {"html"}
    assert f'ln -sfn {target} "$prefix/html"\n' in (ROOT / "docker/gateway.sh").read_text()
