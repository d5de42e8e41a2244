/** How each service says no. */
import type { AwsError } from './call.ts';
import { renderXml } from './xml.ts';
import type { XmlDocument } from './xml.ts';

export interface Rendered {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

const JSON_SERVICES = new Set([
  'kms',
  'ssm',
  'secretsmanager',
  'logs',
  'service-quotas',
  'servicequotas',
  'tagging',
]);

/** The error in the protocol of its service. */
export function renderRefusal(service: string, error: AwsError, requestId: string): Rendered {
  if (JSON_SERVICES.has(service)) {
    const body = JSON.stringify({ __type: error.code, message: error.message });
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-errortype': error.code };
    return { status: error.status, headers: { ...headers, 'x-amzn-requestid': requestId }, body };
  }
  const headers = { 'content-type': 'text/xml;charset=UTF-8', 'x-amz-request-id': requestId };
  return { status: error.status, headers, body: renderXml(errorDocument(service, error, requestId)) };
}

function errorDocument(service: string, error: AwsError, requestId: string): XmlDocument {
  const code = { Code: error.code, Message: error.message };
  if (service === 's3') return { name: 'Error', fields: { ...code, RequestId: requestId } };
  if (service === 'ec2')
    return { name: 'Response', fields: { Errors: { Error: code }, RequestID: requestId } };
  const type = error.status < 500 ? 'Sender' : 'Receiver';
  return { name: 'ErrorResponse', fields: { Error: { Type: type, ...code }, RequestId: requestId } };
}

/** The error code inside an XML answer that failed. */
export function errorCodeOf(body: string): string | undefined {
  return /<Code>([^<]+)<\/Code>/.exec(body)?.[1] ?? /"__type"\s*:\s*"(?:[^"#]*#)?([^"]+)"/.exec(body)?.[1];
}
