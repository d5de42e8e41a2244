import { z } from 'zod';

/** What may not run at the same time on one zone (or one image): `none` conflicts with nothing. */
export type ConflictClass = 'none' | 'image' | 'zone';

export interface OperationRow {
  readonly summary: string;
  readonly conflicts: ConflictClass;
  /** Who may start it: `person` from CLI or chat, `schedule` by itself. */
  readonly startedBy: readonly ('person' | 'schedule')[];
  /** True when a person must approve its plan before anything changes. */
  readonly approval: boolean;
  /** What happens to a failed step when nobody answers in time. */
  readonly onFailure: 'roll-back' | 'keep';
}

/** Every operation, under the workflow type that people see in the Temporal UI. */
export const operations = {
  BakeAmi: {
    summary: 'Bake an image from a source image and a recipe, boot-test it, mark it verified',
    conflicts: 'image',
    startedBy: ['person', 'schedule'],
    approval: false,
    onFailure: 'roll-back',
  },
  CreateZone: {
    summary: 'Create a zone: network, roles, authorities, machines, DNS, health gate',
    conflicts: 'zone',
    startedBy: ['person'],
    approval: true,
    onFailure: 'roll-back',
  },
  DestroyZone: {
    summary: 'Destroy a zone in the reverse order of its plan and prove that nothing is left',
    conflicts: 'zone',
    startedBy: ['person'],
    approval: true,
    onFailure: 'keep',
  },
  NodeJoin: {
    summary: 'Join a machine to a zone: instance, certificates, routes, etcd member, gates, admission',
    conflicts: 'zone',
    startedBy: ['person'],
    approval: true,
    onFailure: 'roll-back',
  },
  NodeRemove: {
    summary: 'Remove a node from a zone: drain, etcd member, node object, machine',
    conflicts: 'zone',
    startedBy: ['person'],
    approval: true,
    onFailure: 'keep',
  },
  ApplyServices: {
    summary: 'Bring the services of a zone to what services.yml says, one after the other',
    conflicts: 'zone',
    startedBy: ['person'],
    approval: true,
    onFailure: 'roll-back',
  },
  RollingServiceUpdate: {
    summary: 'Replace the instances of a service: start new, announce, withdraw, drain, stop old',
    conflicts: 'zone',
    startedBy: ['person'],
    approval: true,
    onFailure: 'roll-back',
  },
  EtcdBackupRestore: {
    summary: "Back up a zone's etcd to the zone store, and prove it by restoring it into a scratch etcd",
    conflicts: 'none',
    startedBy: ['person', 'schedule'],
    approval: false,
    onFailure: 'roll-back',
  },
  ProveBackup: {
    summary: 'Prove a backup again by restoring it into a scratch etcd',
    conflicts: 'none',
    startedBy: ['person', 'schedule'],
    approval: false,
    onFailure: 'roll-back',
  },
  EtcdRestore: {
    summary: "Bring a zone's etcd back from a proven backup on a fresh director",
    conflicts: 'zone',
    startedBy: ['person'],
    approval: true,
    onFailure: 'keep',
  },
} as const satisfies Record<string, OperationRow>;

export type OperationType = keyof typeof operations;

/** What every operation's input begins with. A field may be added, never repurposed. */
export const operationInput = z.object({
  /** Who asked: `alice@example.com`, `slack:U123`, `schedule:nightly`. */
  actor: z.string().min(1),
  /** How the actor is called, where the actor is an id. */
  actorName: z.string().min(1).optional(),
  reason: z.string().default(''),
  environment: z.string().min(1),
  /** How long an open question waits before its default is taken, milliseconds. */
  questionDeadlineMs: z
    .number()
    .int()
    .positive()
    .default(24 * 3_600_000),
  /** Decides failed steps beforehand instead of asking. */
  onFailure: z.enum(['ask', 'roll-back', 'keep']).default('ask'),
  /** What to do while another operation holds the zone: stand in line, or end at once, refused. */
  whenHeld: z.enum(['wait', 'refuse']).default('wait'),
  /** Workflow id of the operation that started this one and under whose lease on the zone it works. */
  under: z.string().optional(),
  /** Hash of the plan that the actor has seen and approved. */
  approvedPlan: z.string().optional(),
});
export type OperationInput = z.infer<typeof operationInput>;

/**
 * What tells an operation from an earlier one of the same workflow id, in tags, tokens, leases and records. Of the run
 * id its end: it begins with the time, so runs within a minute begin alike.
 */
export const operationIdOf = (workflowId: string, firstRunId: string): string =>
  `${workflowId}.${firstRunId.slice(-8)}`;

/** Names of the search attributes; they hold names only, never a secret. */
export const SEARCH_ATTRIBUTES = {
  zone: 'ZonewrightZone',
  state: 'ZonewrightState',
  operation: 'ZonewrightOperation',
  actor: 'ZonewrightActor',
} as const;

/** Where activities are hosted, by what they may touch. */
export const QUEUES = { workflows: 'zonewright', aws: 'zonewright-aws', pki: 'zonewright-pki' } as const;
export const zoneQueue = (zone: string): string => `zonewright-zone-${zone}`;
