"""An IMAP server of one mailbox, as far as the worker speaks with one."""

import re
import socketserver
import threading


class Handler(socketserver.StreamRequestHandler):
    def say(self, *lines):
        for line in lines:
            self.wfile.write((line if isinstance(line, bytes) else line.encode()) + b"\r\n")

    def handle(self):
        mails = self.server.mails
        self.say("* OK ready")
        for line in self.rfile:
            tag, verb, *rest = line.decode().split()
            verb, text = verb.upper(), line.decode()
            if verb == "UID":
                verb = rest[0].upper()
            if verb == "CAPABILITY":
                self.say("* CAPABILITY IMAP4rev1")
            elif verb == "LOGIN" and '"secret"' not in text:
                self.say(f"{tag} NO wrong")
                continue
            elif verb == "SELECT":
                if '"Bounces"' not in text:
                    self.say(f"{tag} NO no such folder")
                    continue
                self.say(f"* {len(mails)} EXISTS")
            elif verb == "SEARCH":
                self.say("* SEARCH" + "".join(f" {number + 1}" for number, (_, flags) in enumerate(mails)
                                              if r"\Seen" not in flags))
            elif verb == "FETCH":
                raw = mails[int(rest[1]) - 1][0]
                self.say(f"* 1 FETCH (UID {rest[1]} BODY[]<0> {{{len(raw)}}}".encode(), raw + b")")
            elif verb == "STORE":
                mails[int(rest[1]) - 1][1].update(re.findall(r"\\\w+", text))
                self.say("* 1 FETCH ()")
            elif verb == "LOGOUT":
                self.say("* BYE", f"{tag} OK done")
                return
            self.say(f"{tag} OK done")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, mails):
        super().__init__(("127.0.0.1", 0), Handler)
        self.mails = [(raw, set()) for raw in mails]
        threading.Thread(target=self.serve_forever, daemon=True).start()
