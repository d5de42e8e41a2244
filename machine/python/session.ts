/** A run that logs as it goes, leaves one result and powers off; needs `STORE_PY` before it. */
export const SESSION_PY = String.raw`
# A run on a machine that tells what it does as it goes and leaves one result, whatever happens.
import subprocess, sys, threading, traceback

LOG_LIMIT = 4 << 20


class Session:
    """Everything printed goes to the console and, every two seconds, to the zone store."""

    def __init__(self, store, log_key, result_key):
        self.store, self.log_key, self.result_key = store, log_key, result_key
        self.lines, self.size, self.dirty, self.ended = [], 0, False, threading.Event()
        self.lock, self.started = threading.Lock(), time.monotonic()
        self.sender = threading.Thread(target=self._send, daemon=True)
        self.sender.start()

    def say(self, text):
        print(text, flush=True)
        with self.lock:
            self.lines.append(text)
            self.size += len(text) + 1
            while self.size > LOG_LIMIT:
                self.size -= len(self.lines.pop(0)) + 1
            self.dirty = True

    def run(self, *command, cwd=None, timeout=None, check=True, env=None):
        """Runs a command, saying what it prints as it prints it; returns that."""
        self.say("+ " + " ".join(command))
        process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, errors="replace")
        timer = threading.Timer(timeout, process.kill) if timeout else None
        if timer:
            timer.start()
        printed = []
        for line in process.stdout:
            self.say(line.rstrip("\n"))
            printed.append(line)
        code = process.wait()
        if timer:
            timer.cancel()
        if check and code != 0:
            raise RuntimeError('"%s" ended with %d: %s' % (" ".join(command), code, "".join(printed[-5:]).strip()))
        return code, "".join(printed)

    def _send(self):
        while not self.ended.wait(2):
            self.flush()

    def flush(self):
        with self.lock:
            if not self.dirty:
                return
            text, self.dirty = "\n".join(self.lines) + "\n", False
        try:
            self.store.put(self.log_key, text.encode())
        except Exception as error:
            print("cannot send the log: %s" % error, flush=True)
            self.dirty = True

    def finish(self, work):
        """Does the work, leaves its result and powers off."""
        try:
            result = {"ok": True, **work()}
        except Exception as error:
            # What is raised here on purpose says what it is; a stack is for what nobody expected.
            expected = isinstance(error, RuntimeError)
            for line in str(error).splitlines() if expected else traceback.format_exc().splitlines():
                self.say(line)
            result = {"ok": False, "error": str(error) or type(error).__name__, "lastLines": self.lines[-20:]}
        result["seconds"] = round(time.monotonic() - self.started, 1)
        self.say("result: " + json.dumps({key: result[key] for key in ("ok", "seconds")}))
        self.ended.set()
        self.sender.join()
        self.flush()
        try:
            retried(600, lambda: self.store.put(self.result_key, json.dumps(result).encode()))
        except Exception as error:
            print("cannot leave the result: %s" % error, flush=True)
        subprocess.run(os.environ.get("ZONEWRIGHT_POWER_OFF", "systemctl poweroff --no-block").split())
`;
