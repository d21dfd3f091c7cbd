// What an import of one of the embedded files gives: the path under which it can be read, or its text.
declare module '*/standalone.js' {
  const path: string;
  export default path;
}
declare module '*/start.js' {
  const text: string;
  export default text;
}
declare module '*/LICENSE' {
  const text: string;
  export default text;
}
