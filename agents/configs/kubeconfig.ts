import { stringify } from 'yaml';
import type { CertificateProfile } from '../../domain/pki/profiles.ts';
import type { MachineFile } from '../host/files.ts';

const AUTHORITY = '/etc/kubernetes/pki/ca.crt';

/** Names the certificate's files rather than holding them, so that a new certificate needs no new kubeconfig. */
export function kubeconfig(
  path: string,
  server: string,
  { path: pair, owner }: Pick<CertificateProfile, 'path' | 'owner'>,
): MachineFile {
  const text = stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'zone', cluster: { server, 'certificate-authority': AUTHORITY } }],
    users: [{ name: 'machine', user: { 'client-certificate': `${pair}.crt`, 'client-key': `${pair}.key` } }],
    contexts: [{ name: 'zone', context: { cluster: 'zone', user: 'machine' } }],
    'current-context': 'zone',
  });
  return { path, text, mode: 0o600, owner };
}
