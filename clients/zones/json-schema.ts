import { z } from 'zod';
import { zoneSpecSchema } from '../../domain/zone/spec.ts';

/** JSON Schema of a zone's specification, for editors. Rules across fields are checked by zonewright only. */
export function zoneJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(zoneSpecSchema, { io: 'input', unrepresentable: 'any' });
  return { $schema, title: 'zonewright zone', ...schema };
}
