import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatTemplate } from "./chatTemplate.ts";

const special = { eosToken: "</s>" } as ConstructorParameters<typeof ChatTemplate>[1];
const messages = [{ role: "user", content: "hello" } as const];

test("a template that does not end is ended, and refused", () => {
  const loops = "{% for i in range(100000) %}".repeat(3) + "{% endfor %}".repeat(3);
  assert.throws(() => new ChatTemplate(loops, special).render({ messages }, true), {
    code: 20,
    reason: "TemplateTooSlow",
  });
});

test("a usual template renders many conversations in little time", () => {
  const template = new ChatTemplate(
    "{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}",
    special,
  );
  const started = performance.now();
  for (let i = 0; i < 1000; i++) assert.equal(template.render({ messages }, false), "user: hello</s>");
  assert.ok(performance.now() - started < 5000, `${performance.now() - started}`);
});
