/** What counts of trials can say. */

const z = 1.959964; // 95 %

/** Wilson's interval of a rate, 95 %. */
export function wilson(count: number, n: number): readonly [number, number] {
  if (n === 0) return [0, 1];
  const [p, zz] = [count / n, z * z];
  const middle = (p + zz / (2 * n)) / (1 + zz / n);
  const half = (z / (1 + zz / n)) * Math.sqrt((p * (1 - p)) / n + zz / (4 * n * n));
  return [count === 0 ? 0 : middle - half, count === n ? 1 : middle + half];
}

/** What no failure in n trials leaves possible: the rate is below this, 95 %. */
export const ruleOfThree = (n: number): number => Math.min(1, 3 / n);
