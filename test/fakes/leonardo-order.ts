// What Leonardo.Ai accepts as an order, field by field: its v2 schemas, written as a judge for the fake.

type Check = (value: unknown) => boolean;
type Means = { knowsStrength: boolean; hasUpload: (id: string) => boolean };

const isText =
  (max: number): Check =>
  (value) =>
    typeof value === 'string' && value.length >= 1 && value.length <= max;
const isOneOf =
  (values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);
const isWhole =
  (min: number, max: number): Check =>
  (value) =>
    Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
const isFlag: Check = (value) => typeof value === 'boolean';

const IMAGE: Record<string, Check> = {
  prompt: isText(9999),
  quality: isOneOf(['LOW', 'MEDIUM', 'HIGH']),
  quantity: isWhole(1, 8),
  width: (value) => isWhole(16, 3824)(value) && Number(value) % 16 === 0,
  height: (value) => isWhole(16, 3824)(value) && Number(value) % 16 === 0,
  style_ids: (value) => Array.isArray(value) && value.length <= 1,
  transparency: isFlag,
  prompt_enhance: isOneOf(['AUTO', 'ON', 'OFF']),
};
const film = (maxSeconds: number): Record<string, Check> => ({
  prompt: isText(5000),
  quantity: isWhole(1, 1),
  duration: isWhole(4, maxSeconds),
  width: isWhole(1, 4096),
  height: isWhole(1, 4096),
  mode: isOneOf(['RESOLUTION_480', 'RESOLUTION_720', 'RESOLUTION_1080']),
  motion_has_audio: isFlag,
  seed: isWhole(-1, 4_294_967_295),
});

type Schema = {
  fields: Record<string, Check>;
  required: string[];
  maxReferences: number;
  hasStrength: boolean;
};
const VIDEO: Schema = {
  fields: film(15),
  required: ['prompt', 'quantity'],
  maxReferences: 4,
  hasStrength: true,
};
const SCHEMAS: Record<string, Schema> = {
  'gpt-image-2': { fields: IMAGE, required: ['prompt'], maxReferences: 6, hasStrength: false },
  'seedance-2.0-fast': VIDEO,
  'seedance-2.0-mini': VIDEO,
  'seedance-2.0': VIDEO,
  'bytedance/seedance-2.5': { ...VIDEO, fields: film(30), maxReferences: 30 },
};

/** What is wrong with an order, or null. */
export function judgeOrder(body: unknown, means: Means): string | null {
  if (typeof body !== 'object' || body === null) return 'expected an object';
  const { model, public: isPublic, parameters, ...rest } = body as Record<string, unknown>;
  const schema = SCHEMAS[String(model)];
  if (schema === undefined) return 'model is not one of the models';
  if (typeof isPublic !== 'boolean') return 'expected a boolean for public';
  if (Object.keys(rest).length > 0) return `Unexpected variable ${Object.keys(rest)[0]}`;
  if (typeof parameters !== 'object' || parameters === null) return 'parameters must be an object';
  const { guidances, ...fields } = parameters as Record<string, unknown>;
  for (const name of schema.required) if (!(name in fields)) return `${name} is required`;
  for (const [name, value] of Object.entries(fields)) {
    const check = schema.fields[name];
    if (check === undefined) return `Unexpected variable ${name}`;
    if (!check(value)) return `${name} has a wrong value`;
  }
  return guidances === undefined ? null : judgeGuidances(guidances, schema, means);
}

function judgeGuidances(guidances: unknown, schema: Schema, means: Means): string | null {
  const { image_reference: references, ...rest } = guidances as Record<string, unknown>;
  if (Object.keys(rest).length > 0) return `Unexpected guidance ${Object.keys(rest)[0]}`;
  if (!Array.isArray(references) || references.length > schema.maxReferences) return 'too many images';
  for (const item of references as Record<string, unknown>[]) {
    const { image, order: _, strength, ...others } = item;
    if (Object.keys(others).length > 0) return 'image_reference: unexpected property';
    const isStrange = !schema.hasStrength || !means.knowsStrength;
    if (strength !== undefined && isStrange) return 'image_reference: unexpected property strength';
    if (strength !== undefined && !isOneOf(['LOW', 'MID', 'HIGH'])(strength)) return 'strength is wrong';
    const { id, type } = image as { id?: unknown; type?: unknown };
    if (type !== 'UPLOADED' || !means.hasUpload(String(id))) return 'invalid init image id';
  }
  return null;
}
