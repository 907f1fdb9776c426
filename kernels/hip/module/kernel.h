// The layers' side of the module: what the table's functions of the same names do, see module_abi.h. The table's
// wrappers (module.cc) have made the context's device current and catch exceptions, so these only compute.
#pragma once

#include "kernels/hip/module/context.h"
#include "kernels/hip/module/module_abi.h"

namespace fovea::hip {

void check_layer(const char* architecture, const FoveaModuleLayer& layer, FoveaModuleReasons reasons);

// Every kernel of the layer is loaded and its attributes are set here; a failure leaves nothing behind.
int32_t kernel_create(FoveaModuleContext& context, const FoveaModuleLayer& layer, FoveaModuleKernel** kernel,
                      FoveaModuleMessage message);
void kernel_destroy(FoveaModuleContext& context, FoveaModuleKernel* kernel);

uint64_t plan_key(const FoveaModuleKernel& kernel);
int32_t workspace_size(const FoveaModuleKernel& kernel, const FoveaModuleLimits& limits, size_t* size,
                       FoveaModuleMessage message);
int32_t plan_size(const FoveaModuleKernel& kernel, const FoveaModuleLimits& limits, size_t* size,
                  FoveaModuleMessage message);

int32_t plan(const FoveaModuleContext& context, const FoveaModuleKernel& kernel, const FoveaModuleBatch& batch,
             void* plan, size_t plan_size, hipStream_t stream, FoveaModuleMessage message);
int32_t write(const FoveaModuleContext& context, const FoveaModuleKernel& kernel, const FoveaModuleWrite& write,
              hipStream_t stream, FoveaModuleMessage message);
int32_t forward(const FoveaModuleContext& context, const FoveaModuleKernel& kernel, const FoveaModuleBatch& batch,
                const FoveaModuleForward& forward, hipStream_t stream, FoveaModuleMessage message);
int32_t merge(const FoveaModuleContext& context, const FoveaModuleMerge& merge, hipStream_t stream,
              FoveaModuleMessage message);

}  // namespace fovea::hip
