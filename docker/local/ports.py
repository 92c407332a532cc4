#!/usr/bin/python3
"""TCP ports of loopback.

ports.py hold N          prints N ports that nothing uses, and keeps them from
                         everybody who looks for one so, until whoever reads
                         what it prints has closed that or is no more
ports.py holder PORT     prints who listens on it, as far as that can be known;
                         fails when nobody does
"""

import os
import pathlib
import random
import select
import socket
import sys

LISTEN = "0A"
OUTGOING = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
# below are ports that services and browsers know
FIRST = 20000

_held = []


def candidates():
    """Ports that no outgoing connection is given, in any order; all there are
    where such connections may have any."""
    low, high = map(int, OUTGOING.read_text().split())
    every = range(FIRST, 65536)
    ports = [port for port in every if not low <= port <= high] or every
    return random.sample(ports, len(ports))


def free_port():
    """A port that nothing uses, held until this process ends.

    The socket that holds it is bound and does not listen.  Who looks for a port
    by this function is told that it is taken; a server that sets SO_REUSEADDR,
    as nginx, PostgreSQL, Redis and asyncio do, can listen on it all the same,
    again and again.  While none does, connections are refused.
    """
    for port in candidates():
        holder = socket.socket()
        try:
            holder.bind(("127.0.0.1", port))
        except OSError:
            holder.close()
            continue
        # only now: with it, bind would share a port that another one holds
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _held.append(holder)
        return port
    raise OSError("no port is free")


def can_listen(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def holder(port):
    """The listener's name and pid; None when nothing can be said."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not os.path.exists(table):
            continue
        for line in pathlib.Path(table).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == LISTEN and int(words[1].split(":")[-1], 16) == port:
                inodes.add(f"socket:[{words[9]}]")

    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            for fd in (process / "fd").iterdir():
                if os.readlink(fd) in inodes:
                    name = (process / "comm").read_text().strip()
                    return f"{name} (pid {process.name})"
        except OSError:
            continue
    return None


def hold(count):
    print(*(free_port() for _ in range(count)), flush=True)
    # a pipe tells of nothing but its reader's end
    reader = select.poll()
    reader.register(sys.stdout, 0)
    reader.poll()


def main(verb, number):
    if verb == "hold":
        hold(number)
    elif can_listen(number):
        sys.exit(1)
    else:
        print(holder(number) or "another program")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
