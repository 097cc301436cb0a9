// A plugin of C++ with a symbol that the linker keeps once a process (GNU
// unique), and with a mark that a test changes to make other builds of it: two
// builds may be alive at once, and each answers by its own.
#define ZOO_NAME "unique"
#define ZOO_OWN_RECIPE
extern "C" {
#include "zoo_base.h"
}
#include "zoo_recipe.h"

template <class T> struct __attribute__((visibility("default"))) once {
    static int calls;
};
template <class T> int once<T>::calls;
template struct once<int>;

static const volatile char mark[] = "ZOO-MARK-A";

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    char letter = mark[sizeof(mark) - 2];

    (void)request;
    once<int>::calls++;
    self->host->emit(call, RAW("{\"log_source\":\""));
    self->host->emit(call, &letter, 1);
    return self->host->emit(
        call, RAW("\",\"rootfs\":\"preloaded:own\",\"action\":" ZOO_ACTION
                  "}"));
}
