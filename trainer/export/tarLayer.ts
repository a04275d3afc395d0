/**
 * Layers of an image: tar archives made of headers and of files that stay in their store, so that no archive is ever
 * written. Owner, mode and time are constants: the same files always make the same layer.
 */
import { Header, Pax } from "tar";
import type { FileList } from "../stores/directory.ts";

/** A file of a directory, or bytes between files. */
export type Piece = FileList[number] | Uint8Array<ArrayBuffer>;

const blockBytes = 512;

/** A tar archive with these files below the directory `root`. */
export function tarPieces(files: FileList, root: string): Piece[] {
  const names = files.map(({ path }) => `${root}/${path}`);
  const directories = [...new Set(names.flatMap(parentsOf))].sort();
  return [
    ...directories.map((path) => headerOf({ path: `${path}/`, type: "Directory", mode: 0o755, size: 0 })),
    ...files.flatMap((file, index): Piece[] => [
      headerOf({ path: names[index] ?? "", type: "File", mode: 0o644, size: file.bytes }),
      file,
      new Uint8Array((blockBytes - (file.bytes % blockBytes)) % blockBytes),
    ]),
    new Uint8Array(2 * blockBytes),
  ];
}

interface Entry {
  path: string;
  type: "File" | "Directory";
  mode: number;
  size: number;
}

function headerOf(entry: Entry): Uint8Array<ArrayBuffer> {
  const header = new Header({ ...entry, uid: 0, gid: 0, mtime: new Date(0) });
  const block = Buffer.alloc(blockBytes);
  // A long name or a size from 8 GiB on needs a block of its own before the header.
  const more = header.encode(block) ? new Pax({ path: entry.path, size: entry.size }).encode() : Buffer.alloc(0);
  return Uint8Array.from(Buffer.concat([more, block]));
}

/** The directories around a path, without the path itself. */
function parentsOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}
