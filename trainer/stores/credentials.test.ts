/** Credentials from the usual sources: a mounted Secret, variables, or files saved by other programs' log-in. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { temporaryDirectory } from "../testing/temporary.ts";
import { CredentialSource } from "./credentials.ts";

async function home(t: TestContext): Promise<string> {
  const directory = await temporaryDirectory(t);
  await mkdir(`${directory}/.aws`);
  await mkdir(`${directory}/.cache/huggingface`, { recursive: true });
  const credentials = [
    "[default]",
    "aws_access_key_id = one",
    "aws_secret_access_key=s=1 ",
    "",
    "[ team ]",
    "aws_access_key_id=two",
    "aws_secret_access_key=s2",
    "aws_session_token=t2",
  ];
  const config = [
    "# a comment",
    "[default]",
    "region = eu-west-1",
    "s3 =",
    "  region = not-this",
    "[profile team]",
    "region=us-west-2",
    "endpoint_url = https://s3.example",
    "[profile teams]",
    "region=no",
  ];
  await writeFile(`${directory}/.aws/credentials`, credentials.join("\n"));
  await writeFile(`${directory}/.aws/config`, config.join("\r\n"));
  await writeFile(`${directory}/.cache/huggingface/token`, "hf_saved\n");
  return directory;
}

const found = async (environment: Record<string, string>, directory?: string) =>
  Object.fromEntries(await new CredentialSource(directory, environment).get());

test("saved profiles and tokens are used when the environment has none", async (t) => {
  const HOME = await home(t);
  const keys = { AWS_ACCESS_KEY_ID: "one", AWS_SECRET_ACCESS_KEY: "s=1" };
  assert.deepEqual(await found({ HOME }), { ...keys, AWS_REGION: "eu-west-1", HF_SAVED_TOKEN: "hf_saved" });
  assert.deepEqual(await found({ HOME, AWS_PROFILE: "team", HF_TOKEN: "hf_own", AWS_REGION: "here" }), {
    AWS_ACCESS_KEY_ID: "two",
    AWS_SECRET_ACCESS_KEY: "s2",
    AWS_SESSION_TOKEN: "t2",
    AWS_REGION: "here",
    AWS_ENDPOINT_URL: "https://s3.example",
    HF_TOKEN: "hf_own",
    HF_SAVED_TOKEN: "hf_saved",
  });
});

test("keys of the environment are not combined with those of a file", async (t) => {
  const environment = {
    HOME: await home(t),
    AWS_PROFILE: "team",
    AWS_ACCESS_KEY_ID: "mine",
    AWS_SECRET_ACCESS_KEY: "s",
  };
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = await found(environment);
  assert.deepEqual([AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN], ["mine", "s", undefined]);
});

test("a mounted Secret is the only source of credentials", async (t) => {
  const HOME = await home(t);
  await writeFile(`${HOME}/HF_TOKEN`, "hf_secret");
  assert.deepEqual(await found({ HOME, AWS_ACCESS_KEY_ID: "mine", AWS_SECRET_ACCESS_KEY: "s" }, HOME), {
    HF_TOKEN: "hf_secret",
  });
});

test("a home directory without saved credentials yields none", async (t) => {
  assert.deepEqual(await found({ HOME: await temporaryDirectory(t) }), {});
});
