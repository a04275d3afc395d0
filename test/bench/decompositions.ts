/** Measures the decompositions that initialise adapters, on matrices of random numbers: their slowest case, as all singular values are close. */
import { addon } from "../../trainer/native/addon.ts";
import { uniform } from "../../trainer/testing/opCases.ts";

const rank = 16;
const sizes = [1024, 2048, 4096] as const;

/** Seconds by the clock and of processor time. */
async function timed(work: () => Promise<unknown>): Promise<string> {
  const [started, used] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(used);
  return `${((performance.now() - started) / 1000).toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s of processor time`;
}

export async function benchDecompositions(onLine: (line: string) => void): Promise<void> {
  const threads = addon().info().cores;
  for (const size of sizes) {
    const next = uniform(5);
    const values = Float32Array.from({ length: size * size }, () => next() + next() + next() - 1.5);
    for (const kind of ["principal", "qr"] as const) {
      const time = await timed(() => addon().decompose(values, size, size, rank, kind, threads));
      onLine(`${size} × ${size}, ${kind}, rank ${rank}, ${threads} threads: ${time}`);
    }
  }
}
