import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import forge from 'node-forge';
import type { ZoneAccess } from '../../activities/checks/zone.ts';
import { createAuthority, newSerial } from '../../activities/pki/authority.ts';
import type { KeyPair } from '../../activities/pki/certificate.ts';
import { signCsr } from '../../activities/pki/sign-request.ts';
import { obtain } from '../../sandbox/toolchain/index.ts';

export interface ControlPlane {
  readonly access: Omit<ZoneAccess, 'backups'>;
  stop(): Promise<void>;
}

/** A real etcd and a real API server on loopback, with certificates on both sides. */
export async function startControlPlane(): Promise<ControlPlane> {
  const folder = mkdtempSync(join(tmpdir(), 'zonewright-control-plane-'));
  const files = await writeCertificates(folder);
  const [client, peer, api] = [await freePort(), await freePort(), await freePort()];
  const etcdUrl = `https://127.0.0.1:${client}`;
  const children: ChildProcess[] = [];
  const start = async (tool: 'etcd' | 'kube-apiserver', options: Record<string, string>) => {
    const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    children.push(spawn(await obtain(tool), args, { stdio: 'ignore' }));
  };
  await start('etcd', {
    name: 'director-0',
    'data-dir': join(folder, 'etcd'),
    'listen-client-urls': etcdUrl,
    'advertise-client-urls': etcdUrl,
    'listen-peer-urls': `http://127.0.0.1:${peer}`,
    'initial-advertise-peer-urls': `http://127.0.0.1:${peer}`,
    'initial-cluster': `director-0=http://127.0.0.1:${peer}`,
    'cert-file': files.serverCert,
    'key-file': files.serverKey,
    'trusted-ca-file': files.ca,
    'client-cert-auth': 'true',
    'log-level': 'error',
  });
  await start('kube-apiserver', {
    'bind-address': '127.0.0.1',
    'secure-port': String(api),
    'etcd-servers': etcdUrl,
    'etcd-cafile': files.ca,
    'etcd-certfile': files.clientCert,
    'etcd-keyfile': files.clientKey,
    'client-ca-file': files.ca,
    'tls-cert-file': files.serverCert,
    'tls-private-key-file': files.serverKey,
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': files.serverKey,
    'service-account-signing-key-file': files.serverKey,
    'service-cluster-ip-range': '10.96.0.0/16',
    'authorization-mode': 'RBAC',
    'disable-admission-plugins': 'ServiceAccount',
  });
  const credentials = { caFile: files.ca, certFile: files.clientCert, keyFile: files.clientKey };
  return {
    access: {
      kubernetes: { server: `https://127.0.0.1:${api}`, ...credentials },
      etcd: { endpoints: [etcdUrl], ...credentials },
      // Keys of the two do not meet, so one member will do.
      discovery: { endpoints: [etcdUrl], ...credentials },
    },
    stop: async () => {
      // The API server first: without etcd it waits a minute for it.
      for (const child of children.toReversed()) {
        if (child.exitCode === null && child.signalCode === null) {
          child.kill('SIGKILL');
          await once(child, 'exit');
        }
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** An authority with a server's and an operator's certificate, as files. */
export async function writeCertificates(folder: string) {
  const authority = await createAuthority({ commonName: 'test-ca' }, 1);
  const write = (name: string, text: string) => {
    const file = join(folder, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  const server = issue(authority, { commonName: 'server', usages: ['server', 'client'] });
  const client = issue(authority, {
    commonName: 'operator',
    organization: 'system:masters',
    usages: ['client'],
  });
  return {
    ca: write('ca.crt', authority.certificatePem),
    serverCert: write('server.crt', server.certificatePem),
    serverKey: write('server.key', server.keyPem),
    clientCert: write('client.crt', client.certificatePem),
    clientKey: write('client.key', client.keyPem),
  };
}

function issue(
  authority: KeyPair,
  subject: { commonName: string; organization?: string; usages: readonly ('client' | 'server')[] },
): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const request = forge.pki.createCertificationRequest();
  request.publicKey = forge.pki.publicKeyFromPem(publicKey);
  request.setSubject([{ name: 'commonName', value: subject.commonName }]);
  request.sign(forge.pki.privateKeyFromPem(privateKey), forge.md.sha256.create());
  const profile = {
    id: subject.commonName,
    ...subject,
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
    lifetimeDays: 1,
  };
  const csrPem = forge.pki.certificationRequestToPem(request);
  const notBefore = new Date(Date.now() - 60_000);
  return {
    certificatePem: signCsr({ csrPem, profile, authority, notBefore, serial: newSerial() }),
    keyPem: privateKey,
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
