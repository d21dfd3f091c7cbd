// What the fakes of providers share whose films are tasks: what goes wrong before an order is taken and after it, and
// the films themselves.
import { tinyMp4 } from '../support/tiny-media.ts';
import { BAD_ANSWERS, badAnswer, mediaAnswer, type BadAnswer, type FakeAnswer } from './server.ts';

/** `taken_…` takes the order and answers badly; the rest takes none. `Own` are the provider's own refusals. */
export type SubmitFault<Own extends string> = Own | BadAnswer | `taken_${BadAnswer}` | 'taken_500';

export type FakeFilm = {
  id: string;
  width: number;
  height: number;
  seconds: number;
  hasAudio: boolean;
  polls: number;
};

const TAKEN = 'taken_';

/** The answer to an order that is as it should be. */
export function answerOrder<Own extends string>(
  fault: SubmitFault<Own> | null,
  {
    take,
    refuse,
    broken,
  }: { take: () => FakeAnswer; refuse: (own: Own) => FakeAnswer; broken: () => FakeAnswer },
): FakeAnswer {
  if (fault === null) return take();
  if (isBadAnswer(fault)) return badAnswer(fault);
  if (!fault.startsWith(TAKEN)) return refuse(fault as Own);
  take();
  const how = fault.slice(TAKEN.length);
  return isBadAnswer(how) ? badAnswer(how) : broken();
}

export function isBadAnswer(fault: string | null): fault is BadAnswer {
  return BAD_ANSWERS.some((name) => name === fault);
}

export function filmAnswer(film: FakeFilm | undefined): FakeAnswer {
  if (film === undefined) return new Response('no such film', { status: 404 });
  const { width, height, seconds, hasAudio } = film;
  return mediaAnswer(tinyMp4(width, height, { seconds, hasAudio }), 'video/mp4');
}
