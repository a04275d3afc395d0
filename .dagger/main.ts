/** Builds images, chart and release with Dagger: `npm run dagger -- COMMAND`, from images/Containerfile and charts/luthier. */
import { connection } from "@dagger.io/dagger";
import { type Arguments, optionOf, UsageError } from "../terminal/arguments.ts";
import { helpOption, runScript } from "../terminal/script.ts";
import { exportChart, pushChart } from "./chart.ts";
import { findEngine, noEngine } from "./engine.ts";
import { publishImages } from "./images.ts";

const usage = {
  command: "npm run dagger --",
  positionals: ["images|chart|release"],
  summary: "Builds the parts of a release with a Dagger engine; exits with code 3 if there is none.",
  details: [
    "  images   builds both images and publishes them under --push",
    "  chart    packages the chart into --output",
    "  release  images, and the chart that names them by digest, both to --push",
  ],
  options: {
    version: { value: "VERSION", help: "version of images and chart; required" },
    push: { value: "PREFIX", help: "images, release: registry and path" },
    output: { value: "DIR", help: "chart: directory for the package" },
    debian: {
      value: "IMAGE",
      help: "base of the images: the release that compiled the addon (default debian:bookworm-slim)",
    },
    help: helpOption,
  },
} as const;

const engineMissing = 3;

await runScript(usage, async (args) => {
  const work = workOf(args);
  if (!findEngine()) {
    process.stderr.write(`${noEngine}\n`);
    return engineMissing;
  }
  await connection(async () => console.log(await work()), { LogOutput: process.stderr });
  return undefined;
});

function workOf(args: Arguments): () => Promise<string> {
  const needed = (name: keyof typeof usage.options) => {
    const given = optionOf(args, name);
    if (given === undefined) throw new UsageError(`--${name} is missing: ${usage.options[name].help}`);
    return given;
  };
  const version = needed("version");
  const debian = optionOf(args, "debian") ?? "debian:bookworm-slim";
  const [what = ""] = args.positionals;
  switch (what) {
    case "images": {
      const push = needed("push");
      return async () => Object.values(await publishImages(push, version, debian)).join("\n");
    }
    case "chart": {
      const output = needed("output");
      return () => exportChart(output, version);
    }
    case "release": {
      const push = needed("push");
      return async () => pushChart(push, version, await publishImages(push, version, debian));
    }
    default:
      throw new UsageError(`unknown command ${JSON.stringify(what)}: use images, chart or release`);
  }
}
