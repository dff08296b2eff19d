/** Every distinct value of an attribute is a series of its own in whatever stores the metrics. */
const mostValues = 100;
const mostCharacters = 200;

/** Lets the first hundred values through; later ones, and those that are far too long, are `'other'`. */
export function bounded(): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= mostValues || value.length > mostCharacters) return 'other';
    known.add(value);
    return value;
  };
}
