// Lets the compiler accept `.sql` files that are embedded as text.
declare module '*.sql' {
  const text: string;
  export default text;
}
