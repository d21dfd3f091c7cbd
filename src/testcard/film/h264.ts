// H.264 by the `h264-mp4-encoder` package. The package wraps its stream into an MP4 file that names the time of
// its making and holds one track, so only the stream is taken out of it; mp4.ts writes the file.
import { getBox } from './boxes.ts';
import type { Planes } from './planes.ts';

/** The frames of a film in their order, and what a decoder must know before the first (an `avcC` box's body). */
export type VideoStream = { configuration: Uint8Array; samples: Uint8Array[]; isKeyFrame: boolean[] };

export type H264Encoder = {
  addFrame(frame: Planes): void;
  /** Ends the stream and gives its memory back; must be called once, also after an error. */
  finish(): VideoStream;
};

/** 10 is best, 51 worst; up to here gradients show no blocks. */
const QUANTISER = 26;
/** 0 is best, 10 fastest: twice as fast as 8, for files a twentieth larger. */
const SPEED = 10;
/** A player can jump to every so many frames. */
const FRAMES_PER_KEY_FRAME = 48;

export async function createH264Encoder(size: {
  width: number;
  height: number;
  fps: number;
}): Promise<H264Encoder> {
  // A megabyte of code that images do not need.
  const { createH264MP4Encoder } = await import('h264-mp4-encoder');
  const encoder = await createH264MP4Encoder();
  encoder.width = size.width;
  encoder.height = size.height;
  encoder.frameRate = size.fps;
  encoder.speed = SPEED;
  encoder.quantizationParameter = QUANTISER;
  encoder.groupOfPictures = FRAMES_PER_KEY_FRAME;
  encoder.initialize();
  return {
    addFrame: (frame) => encoder.addFrameYuv(frame.bytes),
    finish: () => {
      encoder.finalize();
      const file = encoder.FS.readFile(encoder.outputFilename);
      encoder.FS.unlink(encoder.outputFilename);
      encoder.delete();
      return readStream(file);
    },
  };
}

const TABLES = 'moov/trak/mdia/minf/stbl';

function readStream(file: Uint8Array): VideoStream {
  const sizes = getBox(file, `${TABLES}/stsz`);
  const count = sizes.getUint32(8);
  const common = sizes.getUint32(4);
  const starts = sampleStarts(file, (index) => common || sizes.getUint32(12 + index * 4), count);
  const samples = starts.map(({ at, size }) => file.slice(at, at + size));
  const configuration = getBox(file, `${TABLES}/stsd/avc1/avcC`);
  return {
    configuration: new Uint8Array(
      configuration.buffer,
      configuration.byteOffset,
      configuration.byteLength,
    ).slice(),
    samples,
    isKeyFrame: samples.map(hasKeyFrame),
  };
}

/** Where each sample lies: chunks begin at `stco`, and `stsc` tells how many samples each holds. */
function sampleStarts(file: Uint8Array, sizeOf: (index: number) => number, count: number) {
  const offsets = getBox(file, `${TABLES}/stco`);
  const runs = getBox(file, `${TABLES}/stsc`);
  const runCount = runs.getUint32(4);
  const starts: { at: number; size: number }[] = [];
  let run = 0;
  for (let chunk = 0; chunk < offsets.getUint32(4); chunk++) {
    while (run + 1 < runCount && runs.getUint32(8 + (run + 1) * 12) <= chunk + 1) run++;
    let at = offsets.getUint32(8 + chunk * 4);
    for (let left = runs.getUint32(12 + run * 12); left > 0 && starts.length < count; left--) {
      const size = sizeOf(starts.length);
      starts.push({ at, size });
      at += size;
    }
  }
  return starts;
}

/** The unit of a picture that depends on no other (ITU-T H.264, table 7-1). */
const KEY_UNIT = 5;

/** Whether a sample (units, each behind its length in four bytes) holds a picture that can be decoded alone. */
function hasKeyFrame(sample: Uint8Array): boolean {
  const view = new DataView(sample.buffer, sample.byteOffset, sample.byteLength);
  for (let at = 0; at + 5 <= sample.length; at += 4 + view.getUint32(at)) {
    if ((view.getUint8(at + 4) & 31) === KEY_UNIT) return true;
  }
  return false;
}
