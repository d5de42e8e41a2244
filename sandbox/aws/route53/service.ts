/**
 * Route 53's hosted zones, kept by the front itself: the emulator gives every zone the same name servers, lets
 * references and records be used twice and knows no conflicts.
 * https://docs.aws.amazon.com/Route53/latest/APIReference/Welcome.html
 */
import type { SandboxAddresses } from '../../network/model.ts';
import type { Answer, Call, Next, Rule } from '../call.ts';
import { createDelegationSet, createHostedZone, deleteDelegationSet, deleteHostedZone } from './lifecycle.ts';
import { changed, notBefore, readChanges } from './records.ts';
import { changeXml, delegationSetXml, recordXml, respond, zoneXml } from './render.ts';
import { ZoneStore } from './store.ts';
import { itemsOf, objectOf, parseXml, textOf } from '../xml.ts';
import type { XmlObject } from '../xml.ts';

/** One Route 53 operation. */
export interface Request {
  readonly call: Call;
  /** Last id in the path. */
  readonly id: string;
  /** What the body's root element holds. */
  readonly fields: XmlObject;
  readonly changeMs: number;
}

type Handler = (store: ZoneStore, request: Request) => Answer;

/** Operations after which the name servers have something new to say. */
const CHANGES = new Set(['CreateHostedZone', 'DeleteHostedZone', 'ChangeResourceRecordSets']);

export class Route53 implements Rule {
  readonly name = 'route53';
  readonly actions = ['route53:*'];
  readonly store: ZoneStore;
  readonly #changeMs: number;
  readonly #listeners: Array<() => void> = [];

  constructor(addresses: SandboxAddresses, changeMs: number) {
    this.store = new ZoneStore(addresses);
    this.#changeMs = changeMs;
  }

  /** Called after every change of what the name servers serve. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async apply(call: Call, next: Next): Promise<Answer> {
    const handler = HANDLERS[call.action];
    if (handler === undefined) return next(call);
    const id = /\/(?:hostedzone|change|delegationset)\/([^/]+)/.exec(call.path)?.[1] ?? '';
    const fields = call.body.length > 0 ? parseXml(call.body.toString()).fields : {};
    const answer = handler(this.store, { call, id, fields, changeMs: this.#changeMs });
    if (CHANGES.has(call.action)) for (const listener of this.#listeners) listener();
    return answer;
  }
}

const HANDLERS: Readonly<Record<string, Handler>> = {
  CreateHostedZone: createHostedZone,
  DeleteHostedZone: deleteHostedZone,
  CreateReusableDelegationSet: createDelegationSet,
  DeleteReusableDelegationSet: deleteDelegationSet,
  GetHostedZone: (store, { call, id }) => {
    const zone = store.zone(id);
    const vpc =
      zone.vpc === undefined ? {} : { VPCs: { VPC: [{ VPCRegion: zone.vpc.region, VPCId: zone.vpc.id }] } };
    const servers = zone.vpc === undefined ? { DelegationSet: delegationSetXml(zone.delegationSet) } : {};
    return respond(call, { HostedZone: zoneXml(zone), ...servers, ...vpc });
  },
  GetHostedZoneCount: (store, { call }) => respond(call, { HostedZoneCount: String(store.zones.size) }),
  ListHostedZones: listHostedZones,
  ListHostedZonesByName: listHostedZones,
  UpdateHostedZoneComment: (store, { call, id, fields }) => {
    const zone = store.zone(id);
    zone.comment = textOf(fields, 'Comment') ?? '';
    return respond(call, { HostedZone: zoneXml(zone) });
  },
  ChangeResourceRecordSets: (store, { call, id, fields, changeMs }) => {
    const zone = store.zone(id);
    zone.records = changed(zone, readChanges(fields));
    zone.serial += 1;
    const change = store.submitChange(textOf(objectOf(fields, 'ChangeBatch'), 'Comment') ?? '');
    return respond(call, { ChangeInfo: changeXml(change, changeMs) });
  },
  ListResourceRecordSets: listRecords,
  GetChange: (store, { call, id, changeMs }) =>
    respond(call, { ChangeInfo: changeXml(store.change(id), changeMs) }),
  GetReusableDelegationSet: (store, { call, id }) =>
    respond(call, { DelegationSet: delegationSetXml(store.set(id)) }),
  ListReusableDelegationSets: (store, { call }) => {
    const sets = [...store.sets.values()].filter((set) => set.reusable);
    return respond(call, {
      DelegationSets: { DelegationSet: sets.map((set) => delegationSetXml(set)) },
      ...{ Marker: '', IsTruncated: 'false', MaxItems: '100' },
    });
  },
  ChangeTagsForResource: (store, { call, id, fields }) => {
    const zone = store.zone(id);
    for (const tag of itemsOf(objectOf(fields, 'AddTags'), 'Tag'))
      zone.tags[textOf(tag, 'Key') ?? ''] = textOf(tag, 'Value') ?? '';
    const removed = objectOf(fields, 'RemoveTagKeys')['Key'];
    for (const key of Array.isArray(removed) ? removed : [removed]) delete zone.tags[String(key)];
    return respond(call, {});
  },
  ListTagsForResource: (store, { call, id }) => {
    const tags = Object.entries(store.zone(id).tags).map(([Key, Value]) => ({ Key, Value }));
    return respond(call, {
      ResourceTagSet: { ResourceType: 'hostedzone', ResourceId: id, Tags: { Tag: tags } },
    });
  },
};

function listHostedZones(store: ZoneStore, { call }: Request): Answer {
  const { query } = call;
  const most = Number(query.get('maxitems') ?? '100');
  const byName = call.action === 'ListHostedZonesByName';
  const set = query.get('delegationsetid')?.split('/').at(-1);
  const order = (name: string): string => name.split('.').reverse().join('.');
  let zones = [...store.zones.values()].filter((zone) => set === undefined || zone.delegationSet.id === set);
  const start = query.get('dnsname');
  if (byName) zones.sort((a, b) => (order(a.name) < order(b.name) ? -1 : 1));
  if (byName && start !== null) {
    const from = order(start.endsWith('.') ? start : `${start}.`);
    zones = zones.filter((zone) => order(zone.name) >= from);
  }
  const marker = query.get('marker');
  if (marker !== null)
    zones = zones.slice(
      Math.max(
        0,
        zones.findIndex((zone) => zone.id === marker),
      ),
    );
  const rest = zones[most];
  const markers = byName
    ? {
        ...(start === null ? {} : { DNSName: start }),
        ...(rest && { NextDNSName: rest.name, NextHostedZoneId: rest.id }),
      }
    : { Marker: marker ?? '', ...(rest && { NextMarker: rest.id }) };
  return respond(call, {
    HostedZones: { HostedZone: zones.slice(0, most).map((zone) => zoneXml(zone)) },
    ...{ IsTruncated: String(rest !== undefined), MaxItems: String(most), ...markers },
  });
}

function listRecords(store: ZoneStore, { call, id }: Request): Answer {
  const { query } = call;
  const most = Math.min(Number(query.get('maxitems') ?? '300'), 300);
  const records = store
    .zone(id)
    .records.filter((each) => notBefore(each, query.get('name'), query.get('type')));
  const rest = records[most];
  return respond(call, {
    ResourceRecordSets: { ResourceRecordSet: records.slice(0, most).map((record) => recordXml(record)) },
    ...{ IsTruncated: String(rest !== undefined), MaxItems: String(most) },
    ...(rest && { NextRecordName: rest.name, NextRecordType: rest.type }),
  });
}
