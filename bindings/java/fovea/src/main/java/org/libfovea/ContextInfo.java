package org.libfovea;

/**
 * What a context runs on.
 *
 * @param device CPU, AMD or NVIDIA
 * @param deviceOrdinal which GPU of that kind; 0 on a CPU
 * @param numThreads CPU threads that compute; 0 on a GPU
 * @param deviceName e.g. "AMD EPYC 9654" or "AMD Instinct MI300X"
 * @param architecture e.g. "avx2", "avx512_bf16+amx_bf16", "gfx942"
 */
public record ContextInfo(Device device, int deviceOrdinal, int numThreads, String deviceName, String architecture) {}
