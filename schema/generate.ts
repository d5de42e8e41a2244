/** Writes the JSON Schemas beside this file: `node schema/generate.ts`. A test says when they are out of date. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { zoneJsonSchema } from '../clients/zones/json-schema.ts';

const path = join(import.meta.dirname, 'zone.schema.json');
const options = await resolveConfig(path);
await writeFile(path, await format(JSON.stringify(zoneJsonSchema()), { ...options, filepath: path }));
