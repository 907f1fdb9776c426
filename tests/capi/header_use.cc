#include "header_use.c"

// Distinct handle types: one handed over for another does not compile.
template <class A, class B>
struct Same {
  static constexpr bool value = false;
};
template <class A>
struct Same<A, A> {
  static constexpr bool value = true;
};
static_assert(!Same<foveaContext_t, foveaConfig_t>::value && !Same<foveaConfig_t, foveaMetadata_t>::value &&
                  !Same<foveaMetadata_t, foveaAttention_t>::value && !Same<foveaAttention_t, foveaReport_t>::value,
              "handles are distinct types");
