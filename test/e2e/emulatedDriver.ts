/** Where the claim `store` holds the emulated CUDA driver in a pod. */
export const emulatedDriverInPod = "/luthier/claims/store/emulated-cuda.so";
