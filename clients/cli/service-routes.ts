/** `zonewright service routes`: what routers are told at this moment, how far they are, and what was skipped. */
import type { DiscoveryState, RouterReport } from '../../domain/discovery/values.ts';
import { ClientError, EXIT } from '../errors.ts';
import type { ExitCode } from '../errors.ts';
import { readGround } from '../services/ground.ts';
import { lookAtDiscovery } from '../zones/look.ts';
import { withTemporal } from './connect.ts';
import { table } from './output.ts';
import type { Output } from './output.ts';

export const printRoutes = (output: Output, name: string | undefined): Promise<ExitCode> =>
  withTemporal(async ({ client, context }) => {
    const { zone, domain } = await readGround(context, name);
    const found = await lookAtDiscovery(client, zone);
    if (found === undefined) {
      throw new ClientError(EXIT.failed, `Cannot look into ${domain}: nobody in it answers`, {
        expectation: `a worker on its border; "zonewright node list ${zone}" says which machines run`,
      });
    }
    output.result({ zone, ...found }, routesText(domain, found));
    return EXIT.done;
  });

/** What is wrong comes last, where people look first. */
export function routesText(domain: string, { services, routers, frozen, problems }: DiscoveryState): string {
  const rows = Object.entries(services).map(([service, { scheme, hostPort, names, hosts }]) => [
    service,
    scheme === 'http' ? [service, ...names].join(', ') : `TCP port ${hostPort}`,
    Object.entries(hosts)
      .map(([number, address]) => `@${number} ${address}`)
      .join(', ') || 'nobody',
  ]);
  const list = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
  return [
    `${domain}:`,
    rows.length === 0 ? 'No service is routed' : table(['service', 'reached by', 'instances'], rows),
    ...list(
      'routers:',
      Object.entries(routers).map(([id, report]) => `${id}  ${routerText(report)}`),
    ),
    ...list(
      'all presence is lost, so nothing is taken out:',
      frozen.map((service) => service),
    ),
    ...list(
      'skipped, never routed:',
      problems.map(({ key, reason }) => `${key}: ${reason}`),
    ),
  ].join('\n');
}

function routerText(report: RouterReport | null): string {
  if (report === null) return 'silent';
  const { revision, drained, at, error } = report;
  const old = drained < revision ? `, still routes by ${drained}` : '';
  return `revision ${revision}${old}, ${at.slice(11, 19)} UTC${error === undefined ? '' : `: ${error}`}`;
}
