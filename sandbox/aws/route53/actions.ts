/** Which Route 53 operation a request is. https://docs.aws.amazon.com/Route53/latest/APIReference/API_Operations.html */
const ROUTES: ReadonlyArray<readonly [method: string, path: RegExp, action: string]> = [
  ['POST', /^\/hostedzone$/, 'CreateHostedZone'],
  ['GET', /^\/hostedzone$/, 'ListHostedZones'],
  ['GET', /^\/hostedzonesbyname$/, 'ListHostedZonesByName'],
  ['GET', /^\/hostedzonecount$/, 'GetHostedZoneCount'],
  ['GET', /^\/hostedzone\/[^/]+$/, 'GetHostedZone'],
  ['POST', /^\/hostedzone\/[^/]+$/, 'UpdateHostedZoneComment'],
  ['DELETE', /^\/hostedzone\/[^/]+$/, 'DeleteHostedZone'],
  ['POST', /^\/hostedzone\/[^/]+\/rrset$/, 'ChangeResourceRecordSets'],
  ['GET', /^\/hostedzone\/[^/]+\/rrset$/, 'ListResourceRecordSets'],
  ['GET', /^\/change\/[^/]+$/, 'GetChange'],
  ['POST', /^\/delegationset$/, 'CreateReusableDelegationSet'],
  ['GET', /^\/delegationset$/, 'ListReusableDelegationSets'],
  ['GET', /^\/delegationset\/[^/]+$/, 'GetReusableDelegationSet'],
  ['DELETE', /^\/delegationset\/[^/]+$/, 'DeleteReusableDelegationSet'],
  ['POST', /^\/tags\/hostedzone\/[^/]+$/, 'ChangeTagsForResource'],
  ['GET', /^\/tags\/hostedzone\/[^/]+$/, 'ListTagsForResource'],
];

export function routeAction(method: string, path: string): string | undefined {
  const rest = path.replace(/^\/2013-04-01/, '').replace(/\/$/, '');
  return ROUTES.find(([each, pattern]) => each === method && pattern.test(rest))?.[2];
}
