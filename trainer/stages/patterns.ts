/** Patterns of paths: `*` within a name, `**` for any directories. Pure. */

/** As in a shell, names that begin with a dot are matched only by a pattern that begins with one. */
export function patternOf(glob: string): RegExp {
  const written = glob.split("/").map((part, index, all) => {
    const isLast = index === all.length - 1;
    if (part === "**") return isLast ? "(?:(?!\\.)[^/]+/)*(?!\\.)[^/]+" : "(?:(?!\\.)[^/]+/)*";
    const text = part.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*+/g, "[^/]*");
    return `${part.startsWith("*") ? "(?!\\.)" : ""}${text}${isLast ? "" : "/"}`;
  });
  return new RegExp(`^${written.join("")}$`);
}
