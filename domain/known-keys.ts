import type { z } from 'zod';

type AnySchema = z.core.$ZodTypes;

/** The keys that a schema knows at a path; several schemas of a union are taken together. */
export function knownKeys(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  const at = path.reduce<AnySchema[]>(
    (schemas, key) => schemas.flatMap((each) => inside(each, key)),
    unwrapped(schema as AnySchema),
  );
  return [...new Set(at.flatMap((each) => (each._zod.def.type === 'object' ? shapeKeys(each) : [])))];
}

const shapeKeys = (schema: AnySchema): string[] =>
  schema._zod.def.type === 'object' ? Object.keys(schema._zod.def.shape) : [];

function inside(schema: AnySchema, key: PropertyKey): AnySchema[] {
  const { def } = schema._zod;
  if (def.type === 'array') return unwrapped(def.element as AnySchema);
  if (def.type === 'record') return unwrapped(def.valueType as AnySchema);
  const child = def.type === 'object' ? def.shape[String(key)] : undefined;
  return child ? unwrapped(child as AnySchema) : [];
}

/** What a schema is behind `optional`, `default` and the like. */
function unwrapped(schema: AnySchema): AnySchema[] {
  const { def } = schema._zod;
  if (def.type === 'union') return def.options.flatMap((option) => unwrapped(option as AnySchema));
  if (def.type === 'pipe') return unwrapped(def.in as AnySchema);
  if ('innerType' in def) return unwrapped(def.innerType as AnySchema);
  return [schema];
}
