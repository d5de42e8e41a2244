import { goParcel } from './go-module.ts';
import type { Tool } from './tool.ts';

const VERSION = '3.7.3';
const RELEASE = `https://github.com/etcd-io/etcd/releases/download/v${VERSION}`;
const FOLDER = `etcd-v${VERSION}-linux-amd64`;

const parcel = goParcel({
  name: 'etcd',
  version: VERSION,
  binaries: {
    etcd: 'go.etcd.io/etcd/server/v3',
    etcdctl: 'go.etcd.io/etcd/etcdctl/v3',
    etcdutl: 'go.etcd.io/etcd/etcdutl/v3',
  },
});

function binary(name: string, args: readonly string[]): Tool {
  return {
    name,
    version: VERSION,
    onPath: {
      command: name,
      args,
      pattern: new RegExp(`^${name} [Vv]ersion: (\\S+)`, 'm'),
      accepts: (version) => version === VERSION,
    },
    source: { kind: 'parcel', parcel, file: name },
    install: `curl -fL ${RELEASE}/${FOLDER}.tar.gz | tar -xz -C /usr/local/bin --strip-components=1 ${FOLDER}/${name}`,
  };
}

export const etcd = binary('etcd', ['--version']);
export const etcdctl = binary('etcdctl', ['version']);
export const etcdutl = binary('etcdutl', ['version']);
