/** Writes the JSON Schemas beside this file: `node schema/generate.ts`. A test says when they are out of date. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { zoneJsonSchema } from '../clients/zones/json-schema.ts';
import { servicesJsonSchema } from '../domain/services/spec.ts';

const schemas = { zone: zoneJsonSchema, services: servicesJsonSchema };

for (const [name, schemaOf] of Object.entries(schemas)) {
  const path = join(import.meta.dirname, `${name}.schema.json`);
  const options = await resolveConfig(path);
  await writeFile(path, await format(JSON.stringify(schemaOf()), { ...options, filepath: path }));
}
