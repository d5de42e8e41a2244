/** Workflows that do nothing, to see what Temporal itself costs. */
import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';

interface Activities {
  nothing(): Promise<void>;
}

const { nothing } = proxyActivities<Activities>({ startToCloseTimeout: '1 minute' });
const local = proxyLocalActivities<Activities>({ startToCloseTimeout: '1 minute' });

export async function empty(): Promise<void> {}

export async function sequence(steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) await nothing();
}

export async function locally(steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) await local.nothing();
}

export async function atOnce(steps: number): Promise<void> {
  await Promise.all(Array.from({ length: steps }, () => nothing()));
}
