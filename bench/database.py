"""A PostgreSQL of the benchmarks' own: nothing goes in, a migrated database comes
out."""

import contextlib
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "sql/test"))
sys.dont_write_bytecode = True

import conftest  # noqa: E402


@contextlib.contextmanager
def migrated(*settings):
    """A database in a cluster that ends with it; settings: of PostgreSQL."""
    cluster = conftest.Cluster(*settings)
    try:
        name = cluster.create()
        done = cluster.migrate(name, "--gateway-role", "gateway",
                               "--worker-role", "worker")
        assert done.returncode == 0, done.stderr
        yield conftest.Database(cluster, name)
    finally:
        cluster.stop()
