/** What the machine of a boot test runs; needs `SESSION_PY` before it. */
export const BOOT_TEST_PY = String.raw`
# Tries a machine booted from a new image: what its recipe promises, and that nothing of the builder is left.
import pathlib

ROOT = os.environ.get("ZONEWRIGHT_BAKE_ROOT", "")  # another root, for trying this without a machine


def sha256_of(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def unit_is_active(session, unit):
    """A unit may still be starting; one that restarts for ever is not active."""
    deadline = time.monotonic() + 60
    while True:
        code, printed = session.run("systemctl", "is-active", unit, check=False)
        if code == 0 or time.monotonic() > deadline:
            return printed.strip() if code else ""
        time.sleep(1)


def command_works(session, command):
    code, printed = session.run("/bin/sh", "-c", command["run"], timeout=120, check=False)
    if code != 0:
        return "ended with %d: %s" % (code, printed.strip()[-300:])
    expected = command.get("expect")
    return 'printed "%s" without "%s"' % (printed.strip()[-300:], expected) if expected and expected not in printed else ""


def files_are_whole(manifest):
    wrong = [path for path, sha256 in manifest["files"].items()
             if not os.path.isfile(ROOT + path) or sha256_of(ROOT + path) != sha256]
    return "missing or changed: %s" % ", ".join(wrong[:5]) if wrong else ""


def machine_id_is_fresh(manifest):
    own = pathlib.Path(ROOT + "/etc/machine-id").read_text().strip()
    if len(own) != 32:
        return 'machine-id is "%s"' % own
    return "machine-id is the builder's" if hashlib.sha256(own.encode()).hexdigest() == manifest["builder"]["machineId"] else ""


def cloud_init_is_fresh(manifest, instance_id):
    found = sorted(os.listdir(ROOT + "/var/lib/cloud/instances"))
    return "" if found == [instance_id] else "instances known to cloud-init: %s" % ", ".join(found)


def host_keys_are_fresh():
    with open("/proc/stat") as stat:
        booted = next(int(line.split()[1]) for line in stat if line.startswith("btime"))
    up = time.time() - float(open("/proc/uptime").read().split()[0])
    # In a container the kernel's boot is older than the machine's: PID 1 tells when this machine began.
    booted = max(booted, int(os.stat("/proc/1").st_ctime), 0 if up < 0 else int(up))
    old = [key.name for key in pathlib.Path(ROOT + "/etc/ssh").glob("ssh_host_*") if key.stat().st_mtime < booted - 5]
    return "older than this boot: %s" % ", ".join(old) if old else ""


def nothing_is_left():
    import glob
    left = [path for pattern in ["/var/lib/apt/lists/*ackages*", "/root/.bash_history", "/home/*/.bash_history"]
            for path in glob.glob(ROOT + pattern)]
    return "left: %s" % ", ".join(left) if left else ""


def image_is_the_one(manifest, params):
    return "" if manifest["digest"] == params["digest"] else "digest is %s" % manifest["digest"]


def boot_test(session, params, instance_id):
    manifest = json.loads(pathlib.Path(ROOT + "/etc/zonewright/image.json").read_text())
    checks = [("image", lambda: image_is_the_one(manifest, params)), ("files", lambda: files_are_whole(manifest)),
              ("machine-id", lambda: machine_id_is_fresh(manifest)),
              ("cloud-init", lambda: cloud_init_is_fresh(manifest, instance_id)),
              ("host keys", host_keys_are_fresh), ("leftovers", nothing_is_left)]
    checks += [("unit " + unit, lambda unit=unit: unit_is_active(session, unit)) for unit in params["test"]["units"]]
    checks += [("command " + command["run"], lambda command=command: command_works(session, command))
               for command in params["test"]["commands"]]
    results = []
    for name, check in checks:
        try:
            problem = check()
        except Exception as error:
            problem = str(error) or type(error).__name__
        session.say("%s: %s" % (name, problem or "ok"))
        results.append({"check": name, "ok": not problem, **({"problem": problem} if problem else {})})
    failed = ["%s: %s" % (result["check"], result["problem"]) for result in results if not result["ok"]]
    return {"ok": not failed, "checks": results, **({"error": "; ".join(failed)} if failed else {})}


def main(params):
    instance_id = retried(300, lambda: metadata("meta-data/instance-id"))
    store = Store(params["bucket"], params["region"])
    session = Session(store, params["logPrefix"] + instance_id + "/log", params["logPrefix"] + instance_id + "/result.json")
    session.finish(lambda: boot_test(session, params, instance_id))


if __name__ == "__main__":
    main(json.loads(pathlib.Path(sys.argv[1]).read_text()))
`;
