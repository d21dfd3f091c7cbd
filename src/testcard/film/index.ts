// Films: frames to H.264, a quiet tone to AAC, both into an MP4 file. It knows nothing of what a frame shows.
export { createH264Encoder, type VideoStream } from './h264.ts';
export { writeMp4 } from './mp4.ts';
export { blendPlanes, fillPlanes, makePlanes } from './planes.ts';
export { makeTone } from './tone.ts';
