#!/bin/sh
# Last step of the bake, run as root in the unpacked archive.
set -eu

systemd-sysusers
systemctl daemon-reload

# Started by the join, on workers only and with the configuration it writes.
systemctl disable --now containerd.service haproxy.service

install -d -m 0755 /usr/share/zonewright/images /etc/kubernetes/pki /etc/cni/net.d /var/lib/zonewright

# Images of one static binary, in the format of `docker save`: no registry is needed to start a pod.
layer=$(mktemp -d)
image=$(mktemp -d)
trap 'rm -rf "$layer" "$image"' EXIT
install -d "$layer/bin" "$layer/etc" "$layer/tmp" "$layer/www"
install -m 0755 /bin/busybox "$layer/bin/busybox"
for applet in $("$layer/bin/busybox" --list); do
  [ "$applet" = busybox ] || ln -s busybox "$layer/bin/$applet"
done
echo 'root:x:0:0:root:/:/bin/sh' > "$layer/etc/passwd"
reproducible='--sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner'

# pack NAME COMMAND: writes /usr/share/zonewright/images/NAME.tar, tagged zonewright.dev/NAME:1
pack() {
  tar $reproducible -C "$layer" -cf "$image/layer.tar" .
  diff=$(sha256sum "$image/layer.tar" | cut -d' ' -f1)
  cat > "$image/config.json" <<JSON
{"architecture":"$(dpkg --print-architecture)","os":"linux","created":"1970-01-01T00:00:00Z","config":{"Env":["PATH=/bin"],"Cmd":$2},"rootfs":{"type":"layers","diff_ids":["sha256:$diff"]}}
JSON
  cat > "$image/manifest.json" <<JSON
[{"Config":"config.json","RepoTags":["zonewright.dev/$1:1"],"Layers":["layer.tar"]}]
JSON
  tar $reproducible -C "$image" -cf "/usr/share/zonewright/images/$1.tar" config.json layer.tar manifest.json
}
pack pause '["/bin/sleep","infinity"]'
pack busybox '["/bin/sh"]'
