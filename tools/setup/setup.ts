// Makes a machine ready for a purpose: looks whether it can, says what is missing, installs that and no more.

import { fileURLToPath } from "node:url";
import { run } from "./command.ts";
import { gatherFacts } from "./facts.ts";
import { hasGo } from "./go.ts";
import { missingPackages, type Purpose } from "./packages.ts";
import { type Finding, preflight } from "./preflight.ts";
import { type OnProgress, withHeartbeat } from "./progress.ts";

const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const APT = fileURLToPath(new URL("apt.sh", import.meta.url));

export interface SetupPlan {
  /** What stands in the way; with an error among them nothing can be installed or started. */
  readonly findings: readonly Finding[];
  /** System packages that will be installed. */
  readonly packages: readonly string[];
}

/** Looks only. A cluster includes Go, where the machine has none. */
export async function planSetup(purposes: readonly Purpose[]): Promise<SetupPlan> {
  const wanted = purposes.includes("cluster") && !(await hasGo()) ? [...purposes, "go" as const] : purposes;
  return { findings: preflight(await gatherFacts(CHECKOUT), wanted), packages: missingPackages(wanted) };
}

/** The plan in words, a line each; nothing where there is nothing to say or do. */
export function describeSetup({ findings, packages }: SetupPlan): string[] {
  const lines = findings.map(({ severity, problem, remedy }) => `${severity}: ${problem}.\n  ${remedy}.`);
  if (packages.length > 0) lines.push(`will install with apt: ${packages.join(" ")}`);
  return lines;
}

/** Carries the plan out; a plan with an error in it is refused with all of its errors. */
export async function setUp(plan: SetupPlan, onProgress: OnProgress): Promise<void> {
  const errors = plan.findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(describeSetup({ findings: errors, packages: [] }).join("\n"));
  if (plan.packages.length === 0) return;
  if (process.getuid?.() !== 0) {
    throw new Error(
      `these packages are missing and only root can install them:\n  apt-get install ${plan.packages.join(" ")}`,
    );
  }
  await withHeartbeat(onProgress, async (report) => {
    report({ stage: "packages", message: `installing ${plan.packages.join(" ")}` });
    await run(APT, plan.packages, {
      onLine: (line) => {
        if (/^(Get:|Unpacking|Setting up)/.test(line)) report({ stage: "packages", message: line.trim() });
      },
    });
  });
}
