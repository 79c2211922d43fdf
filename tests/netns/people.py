"""
People with the real client `chasqui`: a home for each device, one command at a time, and chats that go on beside the
scenario. A chat is read as a person reads it: `NAME: text` was said to them, a tick means that their own line has arrived.
"""
import json
import os
import signal
import subprocess
import threading

from harness import wait_for

LINES_SHOWN = 15  # of a chat, when something failed
TICK, CROSS, NOTE = "\u2713 ", "\u2717 ", "-- "


class Person:
    def __init__(self, site, ns, login, password, host, device=None):
        self.site, self.ns, self.login, self.password = site, ns, login, password
        self.invitation = site.invite(host)
        self.dir = f"{site.dir}/home-{device or login}"
        self.talking = None  # the running chat
        self.lines = []  # that they have seen, over all chats
        os.makedirs(self.dir, mode=0o700)

    @classmethod
    def make(cls, site, ns, login, host, **kw):
        """With a new account."""
        password = f"the-secret-of-{login}"
        site.ctl("user", "add", login, secret=password + "\n")
        return cls(site, ns, login, password, host, **kw)

    def _command(self, *args):
        return ["ip", "netns", "exec", self.ns, self.site.programs["chasqui"], "--home", f"{self.dir}/keys",
                *(str(a) for a in args)]  # fmt: skip

    def _env(self):
        return {**os.environ, "HOME": self.dir, "LC_ALL": "C.UTF-8"}

    def run(self, *args, secret=""):
        """One command to its end: exit code and the JSON object that it printed."""
        p = subprocess.run(self._command("--json", *args), input=secret, capture_output=True, text=True, timeout=120,
                           env=self._env(), check=False)  # fmt: skip
        line = p.stdout.strip().splitlines()[-1:] or ["{}"]
        return p.returncode, json.loads(line[0])

    def enter(self, *options, password=None):
        """Log in by password and enrol the device, unless the options say otherwise."""
        return self.run(*options, "--password-stdin", "login", self.invitation, self.login,
                        secret=(self.password if password is None else password) + "\n")  # fmt: skip

    def presence(self, of):
        code, answer = self.run("contacts")
        if code:
            raise AssertionError(f"contacts of {self.login}: {answer}")
        return {c["login"]: c["presence"] for c in answer["data"]}.get(of)

    # a chat

    def chat(self, peer):
        """Begin one; it is there when the server has the session."""
        self.talking = Chat(self, peer)
        wait_for(lambda: self.talking.alive() and self.site.status_of(self.login) == "online", 60,
                 f"{self.login} is online")  # fmt: skip
        return self

    def say(self, text):
        self.talking.write(text)

    def _marked(self, mark):
        return [line[len(mark) :] for line in list(self.lines) if line.startswith(mark)]

    def delivered(self):
        return set(self._marked(TICK))

    def failed(self):
        return self._marked(CROSS)

    def notes(self):
        return self._marked(NOTE)

    def shown(self, frm):
        """What they were shown of somebody, in order."""
        return self._marked(f"{frm}: ")

    def leave(self):
        """End the chat as by Ctrl-D: the client logs out. Its exit code."""
        return self.talking.end()

    def kill(self):
        self.talking.kill()

    def explain(self, tap):
        for line in self.lines[-LINES_SHOWN:]:
            tap.note(f"{self.login} sees: {line}")

    def close(self):
        if self.talking and self.talking.proc.poll() is None:
            self.kill()


class Chat:
    def __init__(self, person, peer):
        command = person._command("chat", peer)
        self.person = person
        self.proc = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     encoding="utf-8", errors="replace", bufsize=1, env=person._env())  # fmt: skip
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.proc.stdout:
            self.person.lines.append(line.rstrip("\n"))

    def alive(self):
        if self.proc.poll() is not None:
            raise AssertionError(f"the chat of {self.person.login} has ended: {self.proc.returncode}")
        return True

    def write(self, text):
        self.proc.stdin.write(text + "\n")
        self.proc.stdin.flush()

    def end(self):
        self.proc.stdin.close()
        try:
            code = self.proc.wait(timeout=70)
        except subprocess.TimeoutExpired:
            self.kill()
            return None
        self.reader.join(5)
        return code

    def kill(self):
        self.proc.send_signal(signal.SIGKILL)
        self.proc.wait()
        self.reader.join(5)
