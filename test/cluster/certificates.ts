// Creates the cluster's certificate authority and its certificates with openssl: P-256, one year, one file pair each.

import { mkdirSync } from "node:fs";
import path from "node:path";
import { run } from "../../terminal/runProgram.ts";
import { API_SERVICE_ADDRESS, NODE_NAME } from "./layout.ts";

export interface Identity {
  readonly name: string;
  /** An X.509 subject as openssl writes it. Kubernetes reads CN as the user and O as the group. */
  readonly subject: string;
  readonly alternativeNames?: readonly string[];
}

const DAYS = "365";

/** All holders of a certificate in the cluster. `admin` is the kubeconfig's. */
export function identities(nodeAddress: string): Identity[] {
  const kubernetes = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
  ];
  return [
    {
      name: "kube-apiserver",
      subject: "/CN=kube-apiserver",
      alternativeNames: [
        ...[...kubernetes, "localhost"].map((name) => `DNS:${name}`),
        ...[nodeAddress, API_SERVICE_ADDRESS, "127.0.0.1"].map((address) => `IP:${address}`),
      ],
    },
    { name: "kubelet-client", subject: "/O=system:masters/CN=kube-apiserver-kubelet-client" },
    { name: "admin", subject: "/O=system:masters/CN=admin" },
    { name: "kube-controller-manager", subject: "/CN=system:kube-controller-manager" },
    { name: "kube-scheduler", subject: "/CN=system:kube-scheduler" },
    { name: "kube-proxy", subject: "/CN=system:kube-proxy" },
    {
      name: "kubelet",
      subject: `/O=system:nodes/CN=system:node:${NODE_NAME}`,
      alternativeNames: [`DNS:${NODE_NAME}`, `IP:${nodeAddress}`],
    },
  ];
}

/** Writes ca, service-account and one NAME.crt/NAME.key for each identity into `directory`. */
export async function writeCertificates(directory: string, everyone: readonly Identity[]): Promise<void> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = (name: string) => path.join(directory, name);
  await openssl([
    "req",
    "-x509",
    ...newKey(file("ca.key")),
    "-out",
    file("ca.crt"),
    "-subj",
    "/CN=luthier-test-cluster",
  ]);
  await Promise.all([
    openssl(["genrsa", "-out", file("service-account.key"), "2048"]),
    ...everyone.map(({ name, subject, alternativeNames }) =>
      openssl([
        ...["req", "-x509", "-CA", file("ca.crt"), "-CAkey", file("ca.key"), ...newKey(file(`${name}.key`))],
        ...["-out", file(`${name}.crt`), "-subj", subject],
        ...extension("basicConstraints=critical,CA:FALSE"),
        ...extension("extendedKeyUsage=clientAuth,serverAuth"),
        ...(alternativeNames === undefined ? [] : extension(`subjectAltName=${alternativeNames.join(",")}`)),
      ]),
    ),
  ]);
  await openssl(["rsa", "-in", file("service-account.key"), "-pubout", "-out", file("service-account.pub")]);
}

function newKey(keyFile: string): string[] {
  return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", DAYS, "-keyout", keyFile];
}

function extension(line: string): string[] {
  return ["-addext", line];
}

async function openssl(args: readonly string[]): Promise<void> {
  await run("openssl", args);
}
