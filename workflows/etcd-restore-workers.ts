/**
 * Workers of a zone whose etcd was brought back: it knows those of its own time. Who left since is forgotten, with the
 * pods that nobody else would give up; who joined since registers anew, which kubelets do at boot only.
 */
import { machineNamed } from '../domain/zone/join.ts';
import { nodeName } from '../domain/pki/facts.ts';
import { admissionStep, instanceStep } from '../domain/zone/machine-steps.ts';
import { manifestKey, type ManifestEntry } from '../domain/zone/manifest.ts';
import { failLeftover } from './ending.ts';
import type { Operation, WaitOptions } from './operation.ts';
import { applyPlan } from './steps.ts';
import { unwind, type UndoEntry } from './undo.ts';

type Waiting = (what: string) => WaitOptions;
interface Place {
  readonly zone: string;
  readonly bucket: string;
}

interface Worker {
  readonly machine: string;
  readonly node: string;
  readonly instanceId: string;
  /** As it was admitted when it joined; absent where its join was stopped before that. */
  readonly admission?: ManifestEntry | undefined;
}

export async function workersJoinAgain(operation: Operation, place: Place, waiting: Waiting): Promise<void> {
  const workers = await workersOf(operation, place);
  const known = await operation.check(
    'nodes.list',
    {},
    'reading which nodes the restored etcd knows',
    place.zone,
  );
  await forgetGone(
    operation,
    place.zone,
    known.filter((node) => !workers.some((worker) => worker.node === node)),
  );
  await Promise.all(
    workers.map((worker) => joinAgain(operation, worker, known.includes(worker.node), waiting)),
  );
}

async function workersOf(operation: Operation, { zone, bucket }: Place): Promise<Worker[]> {
  const name = { bucket, key: manifestKey(zone) };
  const { machines } = await operation.check('manifest.about', name, 'reading the manifest');
  const workers = machines.filter((machine) => machineNamed(machine)?.role === 'worker');
  const steps = workers.flatMap((machine) => [instanceStep(machine), admissionStep(machine)]);
  const parts = await operation.check('manifest.parts', { ...name, steps }, 'reading its workers');
  const partOf = (step: string) => parts.find((part) => part.step === step);
  return workers.flatMap((machine) => {
    const instanceId = partOf(instanceStep(machine))?.ref?.id;
    if (instanceId === undefined) return [];
    const node = nodeName({ instanceId, role: 'worker' });
    return [{ machine, node, instanceId, admission: partOf(admissionStep(machine)) }];
  });
}

/** Only of machines that EC2 says are gone: another may be somebody's who has yet to say so. */
async function forgetGone(operation: Operation, zone: string, nodes: readonly string[]): Promise<void> {
  const entries: UndoEntry[] = [];
  for (const node of nodes) {
    const [instanceId = ''] = /^i-[0-9a-f]+/.exec(node) ?? [];
    if (instanceId === '') continue;
    const { state } = await operation.check(
      'instance.look',
      { instanceId },
      `looking at the machine of ${node}`,
    );
    if (state !== 'terminated' && state !== 'shutting-down') continue;
    const { environment } = operation.input;
    const owner = {
      environment,
      zone,
      operation: operation.id,
      step: `nodes/${node}`,
      incarnation: 1,
      name: node,
    };
    entries.push({
      kind: 'node',
      input: { owner, plan: { node, instanceId } },
      layer: 1,
      temporary: false,
      zone,
    });
  }
  const stuck = await unwind(entries, operation);
  if (stuck.length > 0) throw failLeftover(operation, stuck, []);
}

async function joinAgain(
  operation: Operation,
  { machine, node, instanceId, admission }: Worker,
  isKnown: boolean,
  waiting: Waiting,
): Promise<void> {
  if (!isKnown)
    await operation.check('instance.reboot', { instanceId }, `rebooting ${machine}, so that it registers`);
  await operation.waitFor('node.ready', { node, instanceId }, waiting(`node ${node} to be ready`));
  if (isKnown || admission?.kind !== 'node-admission') return;
  await applyPlan(operation, [
    {
      ...{ step: admission.step, kind: admission.kind, name: admission.owner.name, role: 'worker' },
      summary: `letting ${machine} take work again`,
      plan: admission.plan as never,
    },
  ]);
}
