// The examples of the Job API in the reference. A test holds each against its schema.
const JOB_ID = 'job_01m7xyqn02e3fa7ae8dqfy7sce';
const CREATED_AT = '2026-11-20T10:00:00.000Z';
const FILE_URL =
  'http://127.0.0.1:8080/v1/files/file_01m7xyqp02e3fa7ae8dqfy7sc0?exp=1795255202&sig=Vb1nA4hY3Q0s7m2cTt8yXw5kZr9uLpEoJdGfHaSiKeM';

export const imageRequestExample = { prompt: 'A lighthouse at dawn', quality: 'LOW', size: '16:9_SMALL' };

export const videoRequestExample = {
  prompt: 'Waves roll in below a lighthouse',
  size: '16:9_SMALL',
  duration: 15,
  motionHasAudio: true,
};

export function acceptedExample(type: 'image' | 'video') {
  return {
    ok: true,
    jobId: JOB_ID,
    status: 'processing',
    type,
    model: type === 'image' ? 'gpt-image-2' : 'seedance-2.0-fast',
    chargedCredits: type === 'image' ? 20 : 9000,
    idempotentReplay: false,
    mode: 'live',
  };
}

export const imageResultExample = {
  ok: true,
  jobId: JOB_ID,
  status: 'completed',
  model: 'gpt-image-2',
  url: FILE_URL,
  contentType: 'image/png',
  width: 1376,
  height: 768,
  expiresAt: '2026-11-21T10:00:02.000Z',
  type: 'image',
  imageUrl: FILE_URL,
};

const videoResultExample = {
  ok: true,
  jobId: JOB_ID,
  status: 'completed',
  model: 'seedance-2.0-fast',
  url: FILE_URL,
  contentType: 'video/mp4',
  width: 1280,
  height: 720,
  expiresAt: '2026-11-21T10:00:02.000Z',
  type: 'video',
  videoUrl: FILE_URL,
  previewUrl: FILE_URL,
  duration: 15,
  hasAudio: true,
};

export function endedExample(type: 'image' | 'video') {
  const result = type === 'image' ? imageResultExample : videoResultExample;
  return { ...acceptedExample(type), status: 'completed', result, error: null };
}

const listedJobExample = {
  jobId: JOB_ID,
  type: 'image',
  model: 'gpt-image-2',
  mode: 'live',
  status: 'completed',
  chargedCredits: 20,
  refundedCredits: 0,
  request: { prompt: 'A lighthouse at dawn', size: '16:9_SMALL', quality: 'LOW', hasReferenceImage: false },
  metadata: {},
  error: null,
  createdAt: CREATED_AT,
  updatedAt: '2026-11-20T10:00:12.000Z',
  completedAt: '2026-11-20T10:00:12.000Z',
};

export const jobExample = { ok: true, ...listedJobExample };
export const canceledJobExample = { ...jobExample, status: 'canceled', refundedCredits: 20 };
export const listExample = { ok: true, jobs: [listedJobExample], nextCursor: null };
export const estimateExample = { ok: true, credits: 9000 };

export const uploadExample = {
  ok: true,
  uploadId: 'upl_01m7xyqn02e3fa7ae8dqfy7sce',
  contentType: 'image/jpeg',
  bytes: 183_421,
  width: 1920,
  height: 1080,
  mode: 'live',
  createdAt: CREATED_AT,
  expiresAt: '2026-11-21T10:00:00.000Z',
};

export const modelListExample = {
  ok: true,
  models: [
    {
      id: 'gpt-image-2',
      name: 'GPT Image 2',
      type: 'image',
      sizes: { '1:1_SMALL': { width: 1024, height: 1024 } },
      qualities: ['LOW', 'MEDIUM'],
      durations: null,
      pricing: { per: 'job', rates: [{ when: { quality: 'LOW' }, credits: 20 }] },
    },
  ],
};
