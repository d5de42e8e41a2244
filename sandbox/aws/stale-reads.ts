/**
 * Eventual consistency on request: what a struck call created is unseen by reads for a while.
 * https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
 */
import { AwsError, isRead } from './call.ts';
import type { Answer, Call, Next, Rule } from './call.ts';
import { kindOfId, KINDS } from './kinds.ts';
import { isObject, itemsOf } from './xml.ts';
import type { XmlObject, XmlValue } from './xml.ts';

const NAMES = ['RoleName', 'InstanceProfileName', 'PolicyName'];

export class StaleReads implements Rule {
  readonly name = 'stale-reads';
  readonly actions = ['ec2:*', 'iam:*', 'route53:*'];
  readonly #hidden = new Map<string, number>();

  /** Hides what this call created. */
  hide(call: Call, answer: Answer, seconds: number): void {
    const given = new Set([...call.params.values()]);
    const until = Date.now() + seconds * 1000;
    for (const id of idsIn(answer.document?.fields)) if (!given.has(id)) this.#hidden.set(id, until);
    for (const name of NAMES) {
      const value = call.params.get(name);
      if (call.service === 'iam' && call.action.startsWith('Create') && value !== null)
        this.#hidden.set(value, until);
    }
  }

  async apply(call: Call, next: Next): Promise<Answer> {
    if (!isRead(call.action) || this.#hidden.size === 0) return next(call);
    for (const value of [...call.params.values(), ...call.path.split('/')]) this.#refuseHidden(call, value);
    const answer = await next(call);
    const fields = answer.document?.fields;
    if (fields !== undefined) this.#filter(fields);
    return answer;
  }

  #isHidden(id: unknown): boolean {
    const until = typeof id === 'string' ? this.#hidden.get(id) : undefined;
    return until !== undefined && until > Date.now();
  }

  #refuseHidden(call: Call, value: string): void {
    if (!this.#isHidden(value)) return;
    if (call.service === 'iam')
      throw new AwsError('NoSuchEntity', `The entity with name ${value} cannot be found.`, 404);
    if (call.service === 'route53')
      throw new AwsError('NoSuchHostedZone', `No hosted zone found with ID: ${value}`, 404);
    const filtered = [...call.params].some(([key, each]) => each === value && key.startsWith('Filter.'));
    const code = kindOfId(value)?.notFound;
    if (code !== undefined && !filtered) throw new AwsError(code, `The ID '${value}' does not exist`);
  }

  #filter(fields: XmlObject): void {
    for (const { set, idField } of KINDS) {
      if (isObject(fields[set]))
        fields[set] = { item: itemsOf(fields, set).filter((item) => !this.#isHidden(item[idField])) };
    }
    if (isObject(fields['reservationSet'])) {
      const reservations = itemsOf(fields, 'reservationSet');
      for (const reservation of reservations) this.#filter(reservation);
      fields['reservationSet'] = {
        item: reservations.filter((each) => itemsOf(each, 'instancesSet').length > 0),
      };
    }
    if (isObject(fields['tagSet'])) {
      fields['tagSet'] = {
        item: itemsOf(fields, 'tagSet').filter((tag) => !this.#isHidden(tag['resourceId'])),
      };
    }
    for (const [list, entry] of [['HostedZones', 'HostedZone']] as const) {
      const zones = isObject(fields[list]) ? itemsOf(fields[list], entry) : undefined;
      if (zones === undefined) continue;
      fields[list] = {
        [entry]: zones.filter((zone) => !this.#isHidden(String(zone['Id']).split('/').at(-1))),
      };
    }
  }
}

function idsIn(value: XmlValue): string[] {
  if (typeof value === 'string') {
    const last = value.split('/').at(-1) ?? '';
    return kindOfId(value) !== undefined ? [value] : /^\/hostedzone\/Z/.test(value) ? [last] : [];
  }
  if (Array.isArray(value)) return value.flatMap((each: XmlValue) => idsIn(each));
  return isObject(value) ? Object.values(value).flatMap((each) => idsIn(each)) : [];
}
