/** What the builder of a bake runs; needs `SESSION_PY` before it. */
export const BAKE_PY = String.raw`
# Makes a builder into what its recipe says, cleans it and powers it off.
import glob, pathlib, shutil, tarfile

WORK = pathlib.Path(os.environ.get("ZONEWRIGHT_BAKE_ROOT", "") + "/run/zonewright/bake")
ROOT = os.environ.get("ZONEWRIGHT_BAKE_ROOT", "")  # another root, for trying this without a machine
GONE = ["/etc/ssh/ssh_host_*", "/root/.ssh/authorized_keys", "/home/*/.ssh/authorized_keys", "/root/.bash_history",
        "/home/*/.bash_history", "/var/lib/apt/lists/*[Pp]ackages*", "/var/lib/apt/lists/*InRelease",
        "/var/lib/cloud/instance", "/var/lib/cloud/instances", "/var/lib/dhcp/*.leases", "/var/log/journal/*",
        "/var/log/cloud-init*.log", "/var/lib/systemd/random-seed", "/etc/zonewright/machine.json"]


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as source:
        for chunk in iter(lambda: source.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def unpack(session, archive):
    """Files go straight to their place: renamed over what is there, which may be running or a link."""
    placed = []
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            if not member.isfile():
                raise ValueError("%s is no plain file" % member.name)
            inside = member.name.startswith("root/")
            target = pathlib.Path(ROOT + member.name[4:]) if inside else WORK / member.name
            if ".." in target.parts:
                raise ValueError("%s leaves its place" % member.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(target.name + ".zonewright")
            with tar.extractfile(member) as source, open(partial, "wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)
            partial.chmod(member.mode)
            partial.rename(target)
            if inside:
                placed.append(str(target)[len(ROOT):])
    session.say("unpacked %d files" % len(placed))
    return placed


def install_packages(session, names):
    def missing(name):
        asked = subprocess.run(["dpkg-query", "-W", "-f=$" "{Status}", name], capture_output=True, text=True)
        return "install ok installed" not in asked.stdout
    wanted = [name for name in names if missing(name)]
    if not wanted:
        return session.say("packages: all %d are there" % len(names))
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    session.run("apt-get", "update", "-q", env=env)
    session.run("apt-get", "install", "-y", "-q", "--no-install-recommends", *wanted, env=env)


def install_units(session, recipe):
    for unit in recipe["units"]:
        name = os.path.basename(unit["path"])
        shutil.copy(WORK / "units" / name, ROOT + "/etc/systemd/system/" + name)
        if unit["enable"]:
            session.run("systemctl", "enable", name)


def clean(session):
    """So that no two machines of the image are taken for one, and none for the builder."""
    session.run("cloud-init", "clean", "--logs")
    for pattern in GONE:
        for path in glob.glob(ROOT + pattern):
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
    session.run("apt-get", "clean")
    # Empty, not absent: an absent one means first boot, which would reset which units are enabled.
    pathlib.Path(ROOT + "/etc/machine-id").write_text("")
    bus = pathlib.Path(ROOT + "/var/lib/dbus/machine-id")
    if bus.exists() and not bus.is_symlink():
        bus.unlink()
    pathlib.Path(ROOT + "/etc/hostname").write_text("localhost\n")
    left = [path for pattern in GONE for path in glob.glob(ROOT + pattern)]
    # A running journal may make its folder anew at any moment; what it writes is of the builder's shutdown only.
    left = [path for path in left if "/journal/" not in path]
    if left:
        raise RuntimeError("cannot clean the image: %s came back" % ", ".join(left))


def bake(session, params):
    WORK.mkdir(parents=True, exist_ok=True)
    machine_id = pathlib.Path(ROOT + "/etc/machine-id").read_text().strip()
    archive = ROOT + "/var/tmp/zonewright-recipe.tar.gz"
    session.say("fetching recipe %s" % params["digest"])
    retried(600, lambda: session.store.fetch(params["recipeKey"], archive, params["archiveSha256"]))
    files = unpack(session, archive)
    os.unlink(archive)
    recipe = json.loads((WORK / "recipe.json").read_text())
    install_packages(session, recipe["packages"])
    install_units(session, recipe)
    if "install" in recipe:
        session.run(str(WORK / "install.sh"), cwd=str(WORK))
    manifest = {"bakeId": params["bakeId"], "recipe": recipe["name"], "digest": params["digest"],
                "builder": {"instanceId": metadata("meta-data/instance-id"),
                            "machineId": hashlib.sha256(machine_id.encode()).hexdigest()},
                "files": {path: sha256_of(ROOT + path) for path in files}}
    clean(session)
    os.makedirs(ROOT + "/etc/zonewright", exist_ok=True)
    pathlib.Path(ROOT + "/etc/zonewright/image.json").write_text(json.dumps(manifest, indent=1, sort_keys=True))
    os.sync()
    return {}


def main(params):
    store = Store(params["bucket"], params["region"])
    attempt = params.get("attempt") or retried(300, lambda: metadata("meta-data/instance-id"))
    place = params["prefix"] + attempt
    session = Session(store, place + "/log", place + "/result.json")
    session.finish(lambda: bake(session, params))


if __name__ == "__main__":
    main(json.loads(pathlib.Path(sys.argv[1]).read_text()))
`;
