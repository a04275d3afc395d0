/** Where the base model is made (work files, never committed) and where it ends up (committed). */
import path from "node:path";

const here = import.meta.dirname;

export const workDirectory = path.join(here, "../../.luthier/base");
export const modelDirectory = path.join(here, "model");
