// What an import of a font file gives: the path under which the file can be read, in the executable too.
declare module '*.woff2' {
  const path: string;
  export default path;
}
