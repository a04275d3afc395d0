/**
 * The GPUs that a training can be planned for. Peaks are those of the data sheets, dense (without structured sparsity);
 * `memoryBytes` is the total that CUDA reports on such a GPU, the lower one where drivers differ: less than on the data
 * sheet with ECC memory on GDDR, more where the data sheet counts in powers of ten.
 */
export interface Gpu {
  /** As `--target` names it. */
  readonly name: string;
  readonly title: string;
  /** As the driver names such a GPU, each as a product (`productOf`). */
  readonly products: readonly string[];
  readonly memoryBytes: number;
  /** The bandwidth of device memory, in bytes a second. */
  readonly bandwidth: number;
  /** Multiply-adds count as two operations. BF16: on tensor cores with sums in F32. */
  readonly flops: { readonly bf16: number; readonly f32: number };
  readonly multiprocessors: number;
  /** The document that the peaks are from. */
  readonly source: string;
}

const tera = 1e12;
const gibibytes = (count: number) => Math.floor(count * 2 ** 30);

export const gpus: readonly Gpu[] = [
  {
    name: "a100-40gb",
    title: "NVIDIA A100 SXM 40 GB",
    products: ["NVIDIA-A100-SXM4-40GB", "NVIDIA-A100-PCIE-40GB"],
    memoryBytes: gibibytes(39.39),
    bandwidth: 1.555 * tera,
    flops: { bf16: 312 * tera, f32: 19.5 * tera },
    multiprocessors: 108,
    source: "NVIDIA A100 Tensor Core GPU data sheet",
  },
  {
    name: "a100-80gb",
    title: "NVIDIA A100 SXM 80 GB",
    products: ["NVIDIA-A100-SXM4-80GB", "NVIDIA-A100-80GB-PCIe"],
    memoryBytes: gibibytes(79.14),
    bandwidth: 2.039 * tera,
    flops: { bf16: 312 * tera, f32: 19.5 * tera },
    multiprocessors: 108,
    source: "NVIDIA A100 Tensor Core GPU data sheet",
  },
  {
    name: "l4",
    title: "NVIDIA L4",
    products: ["NVIDIA-L4"],
    memoryBytes: gibibytes(22.03),
    bandwidth: 0.3 * tera,
    flops: { bf16: 121 * tera, f32: 30.3 * tera },
    multiprocessors: 58,
    source: "NVIDIA L4 Tensor Core GPU data sheet",
  },
  {
    name: "l40s",
    title: "NVIDIA L40S",
    products: ["NVIDIA-L40S"],
    memoryBytes: gibibytes(44.34),
    bandwidth: 0.864 * tera,
    flops: { bf16: 362 * tera, f32: 91.6 * tera },
    multiprocessors: 142,
    source: "NVIDIA L40S data sheet",
  },
  {
    name: "rtx4090",
    title: "NVIDIA GeForce RTX 4090",
    products: ["NVIDIA-GeForce-RTX-4090"],
    memoryBytes: gibibytes(23.6),
    bandwidth: 1.008 * tera,
    flops: { bf16: 165.2 * tera, f32: 82.6 * tera },
    multiprocessors: 128,
    source: "NVIDIA Ada GPU architecture white paper",
  },
  {
    name: "h100-80gb",
    title: "NVIDIA H100 SXM 80 GB",
    products: ["NVIDIA-H100-80GB-HBM3"],
    memoryBytes: gibibytes(79.1),
    bandwidth: 3.35 * tera,
    flops: { bf16: 989 * tera, f32: 66.9 * tera },
    multiprocessors: 132,
    source: "NVIDIA H100 Tensor Core GPU data sheet",
  },
  {
    name: "h200",
    title: "NVIDIA H200 SXM",
    products: ["NVIDIA-H200"],
    memoryBytes: gibibytes(139.72),
    bandwidth: 4.8 * tera,
    flops: { bf16: 989 * tera, f32: 66.9 * tera },
    multiprocessors: 132,
    source: "NVIDIA H200 Tensor Core GPU data sheet",
  },
  {
    name: "b200",
    title: "NVIDIA B200 SXM",
    products: ["NVIDIA-B200"],
    memoryBytes: gibibytes(178.35),
    bandwidth: 7.7 * tera,
    flops: { bf16: 2250 * tera, f32: 75 * tera },
    multiprocessors: 148,
    source: "NVIDIA HGX B200 data sheet",
  },
];

/** A GPU's name as a product, in the form of the label nvidia.com/gpu.product of NVIDIA's feature discovery. */
export const productOf = (name: string): string =>
  name
    .replaceAll(" ", "-")
    .replaceAll(/[^A-Za-z0-9._-]/g, "")
    .slice(0, 63);

const unlisted = gpus.find(({ name }) => name === "a100-80gb")!;

/** The listed GPU of a product; undefined if none is, or if the product is unknown. */
export const listedGpu = (product: string | undefined): Gpu | undefined =>
  product === undefined ? undefined : gpus.find(({ products }) => products.includes(product));

/**
 * The GPU of a product with so much memory. The peaks of one that is not listed are assumed to be an A100's: they only decide
 * between micro-batches that fit.
 */
export function gpuOfProduct(product: string, memoryBytes: number): Gpu {
  return {
    ...(listedGpu(product) ?? { ...unlisted, name: product, title: product, products: [product] }),
    memoryBytes,
  };
}
