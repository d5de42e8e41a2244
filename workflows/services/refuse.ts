import { ApplicationFailure } from '@temporalio/workflow';
import type { FoundService } from '../../activities/checks/services.ts';

/** Autoscalers would start and stop instances while a roll counts them. */
export function refuseAutoscalers(service: string, { autoscalers }: FoundService): void {
  if (autoscalers.length === 0) return;
  throw ApplicationFailure.nonRetryable(
    `Cannot roll "${service}": HorizontalPodAutoscaler ${autoscalers.map((name) => `"${name}"`).join(', ')} scales its instances; remove it and set num_instances`,
    'GateFailed',
  );
}
