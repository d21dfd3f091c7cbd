// The few words that several features share, each with its one list: live or test, image or video, and how strongly a
// reference image counts.

export const MODES = ['live', 'test'] as const;
export type Mode = (typeof MODES)[number];

export const JOB_TYPES = ['image', 'video'] as const;
export type JobType = (typeof JOB_TYPES)[number];

export const REFERENCE_STRENGTHS = ['LOW', 'MID', 'HIGH'] as const;
export type ReferenceStrength = (typeof REFERENCE_STRENGTHS)[number];
