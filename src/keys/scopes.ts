// Scopes and presets: what a key may do. Who needs which scope stands with the routes.
export const SCOPES = [
  'generation:write',
  'generation:read',
  'generation:delete',
  'account:read',
  'health:read',
  'library:read',
] as const;

export type Scope = (typeof SCOPES)[number];

export const PRESETS = {
  full_access: SCOPES,
  generate_only: ['generation:write', 'generation:read', 'library:read'],
  read_only: ['generation:read', 'account:read', 'health:read', 'library:read'],
  monitor_only: ['health:read', 'library:read'],
} as const satisfies Record<string, readonly Scope[]>;

export type Preset = keyof typeof PRESETS;
export const PRESET_NAMES = Object.keys(PRESETS) as Preset[];
export const DEFAULT_PRESET: Preset = 'full_access';
