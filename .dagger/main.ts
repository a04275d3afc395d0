/** Images, chart and release by Dagger: `npm run dagger -- COMMAND`. Thin over images/Containerfile and charts/luthier. */
import { parseArgs } from "node:util";
import { connection } from "@dagger.io/dagger";
import { exportChart, pushChart } from "./chart.ts";
import { findEngine, noEngine } from "./engine.ts";
import { publishImages } from "./images.ts";

const help = `Usage: npm run dagger -- COMMAND [OPTIONS]

  images  --push PREFIX --version VERSION     build both images and publish them below PREFIX
  chart   --output DIRECTORY --version VERSION   package the chart
  release --push PREFIX --version VERSION     images, and the chart that names them by digest

  --debian IMAGE   what the images stand on: the release that compiled the addon (default debian:bookworm-slim)
`;

/** Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no engine. */
async function main(): Promise<number> {
  const work = workOf(process.argv.slice(2));
  if (work === undefined) {
    process.stderr.write(help);
    return 2;
  }
  if (!findEngine()) {
    process.stderr.write(`${noEngine}\n`);
    return 3;
  }
  await connection(async () => console.log(await work()), { LogOutput: process.stderr });
  return 0;
}

/** What the command line asks for; undefined when it asks for nothing that there is. */
function workOf(argv: readonly string[]): (() => Promise<string>) | undefined {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      push: { type: "string" },
      output: { type: "string" },
      version: { type: "string" },
      debian: { type: "string", default: "debian:bookworm-slim" },
    },
  });
  const { push, output, version, debian } = values;
  if (version === undefined) return undefined;
  switch (positionals.join(" ")) {
    case "images":
      return push ? async () => Object.values(await publishImages(push, version, debian)).join("\n") : undefined;
    case "chart":
      return output ? () => exportChart(output, version) : undefined;
    case "release":
      return push ? async () => pushChart(push, version, await publishImages(push, version, debian)) : undefined;
    default:
      return undefined;
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
