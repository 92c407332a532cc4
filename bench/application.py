"""The application that looks at tokens by itself, in one process of its own."""

import subprocess
import time

import contestants
import gateway


class Application:
    """dsn: of a database with a table application_logs, in which it records each
    request; None: it records nothing."""

    def __init__(self, root, dsn=None):
        key = root / "fastapi.key"
        key.write_bytes(gateway.KEY)
        self.port = gateway.free_port()
        with (root / "fastapi.log").open("wb") as log:
            self.process = subprocess.Popen(
                ["/usr/bin/python3", gateway.ROOT / "bench/fastapi_app.py", key,
                 str(self.port), *([dsn] if dsn else [])],
                stdout=log, stderr=log)

    def ready(self):
        """Whether it answers, within twenty seconds."""
        for _ in range(200):
            try:
                gateway.ask(self.port, contestants.PATH, 200, 1,
                            contestants.BEARER)
                return True
            except OSError:
                if self.process.poll() is not None:
                    return False
                time.sleep(0.1)
        return False

    def cpu(self):
        return gateway.cpu(self.process.pid)

    def stop(self):
        self.process.terminate()
        self.process.wait()
