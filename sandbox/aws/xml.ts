/** XML as plain objects: what the emulator answers is read, edited by rules and written again. */
import { XMLParser } from 'fast-xml-parser';

export type XmlValue = string | XmlObject | readonly XmlValue[] | undefined;
export interface XmlObject {
  [name: string]: XmlValue;
}
/** A document: its root element's name, and what it holds. Attributes are fields that begin with `@`. */
export interface XmlDocument {
  name: string;
  fields: XmlObject;
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  parseAttributeValue: false,
  ignoreDeclaration: true,
  htmlEntities: true,
  isArray: (name) => name === 'item' || name === 'member',
});

export function parseXml(text: string): XmlDocument {
  const [entry] = Object.entries(parser.parse(text) as XmlObject);
  if (entry === undefined) throw new Error(`Cannot read XML "${text.slice(0, 80)}": expected a root element`);
  const [name, fields] = entry;
  return { name, fields: isObject(fields) ? fields : {} };
}

export function renderXml(document: XmlDocument): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${renderElement(document.name, document.fields)}`;
}

function renderElement(name: string, value: XmlValue): string {
  if (value === undefined) return '';
  if (Array.isArray(value)) return value.map((each: XmlValue) => renderElement(name, each)).join('');
  if (typeof value === 'string') return `<${name}>${escapeXml(value)}</${name}>`;
  let attributes = '';
  let children = '';
  for (const [key, child] of Object.entries(value as XmlObject)) {
    if (key === '#text') children += escapeXml(child as string);
    else if (key.startsWith('@')) attributes += ` ${key.slice(1)}="${escapeXml(child as string)}"`;
    else children += renderElement(key, child);
  }
  return `<${name}${attributes}>${children}</${name}>`;
}

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\r', '&#13;');
}

export const isObject = (value: unknown): value is XmlObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The field's objects: of `<set><item/></set>`, or the elements of that name; an empty element is an empty list. */
export function itemsOf(fields: XmlObject | undefined, name: string): XmlObject[] {
  const value = fields?.[name];
  const list = isObject(value) ? (value['item'] ?? value['member'] ?? value) : (value ?? []);
  return (Array.isArray(list) ? list : [list]).filter(isObject);
}

export function textOf(fields: XmlObject | undefined, ...path: string[]): string | undefined {
  let value: XmlValue = fields;
  for (const name of path) value = isObject(value) ? value[name] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function objectOf(fields: XmlObject | undefined, name: string): XmlObject {
  const value = fields?.[name];
  return isObject(value) ? value : {};
}
