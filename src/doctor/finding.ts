// What an examination says: one line a check, and for everything that is not well what to do about it.

export type Finding = {
  check: string;
  isOk: boolean;
  detail: string;
  /** What to do; null where nothing is to be done. */
  advice: string | null;
};

export function fine(check: string, detail: string): Finding {
  return { check, isOk: true, detail, advice: null };
}

export function wrong(check: string, detail: string, advice: string): Finding {
  return { check, isOk: false, detail, advice };
}
